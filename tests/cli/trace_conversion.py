#!/usr/bin/env python3
"""tools/convert_trace on rows in the form of each published trace, against their reading by hand."""
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "convert_trace"
CASES = {
    "azure": ("TIMESTAMP,ContextTokens,GeneratedTokens\n"
              "2023-11-16 18:59:59.9999990,374,44\n2023-11-16 19:00:01.5000000,396,109\n",
              "arrival_s,prompt_tokens,output_tokens\n0.000000,374,44\n1.500001,396,109\n"),
    "burstgpt": ("Timestamp,Session ID,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                 "5,a,ChatGPT,472,18,490,Conversation log\n45,a,ChatGPT,1087,0,1087,Conversation log\n"
                 "118,b,GPT-4,417,276,693,API log\n",
                 "arrival_s,prompt_tokens,output_tokens,session,class\n"
                 "5.000000,472,18,a,ChatGPT\n118.000000,417,276,b,GPT-4\n"),
    # The second goes on from the first (two blocks of 512), the third has the common block alone, the
    # fourth all of the second's.
    "mooncake": ('{"timestamp": 0, "input_length": 1500, "output_length": 9, "hash_ids": [1, 2, 3]}\n'
                 '{"timestamp": 250, "input_length": 1400, "output_length": 5, "hash_ids": [1, 2, 4]}\n'
                 '{"timestamp": 900, "input_length": 600, "output_length": 7, "hash_ids": [1, 5]}\n'
                 '{"timestamp": 1000, "input_length": 1410, "output_length": 1, "hash_ids": [1, 2, 4]}\n',
                 "arrival_s,prompt_tokens,output_tokens,reusable_prefix_tokens,session\n"
                 "0.000000,1500,9,0,m0\n0.250000,1400,5,1024,m0\n0.900000,600,7,512,m1\n"
                 "1.000000,1410,1,1410,m0\n"),
}


def main():
    wrong = 0
    for kind, (given, expected) in CASES.items():
        done = subprocess.run([sys.executable, str(TOOL), kind, "-"], input=given, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0 or done.stdout != expected:
            print(f"{kind}: expected\n{expected}found\n{done.stdout}{done.stderr}")
            wrong += 1
    print(f"{len(CASES) - wrong} of {len(CASES)} as by hand")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
