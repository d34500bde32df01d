// Command line: tables of measurements: what is read, and what is told of a broken one.
#include "cli/measurement_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

using testing::HasSubstr;

constexpr const char* header = "model,hardware,tp,batch,prompt_tokens,output_tokens,engine,kind";

std::string file_with(const std::string& text) {
  // Cases run beside each other, each in a file of its own.
  std::string path =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv";
  std::ofstream{path, std::ios::binary} << text;
  return path;
}

std::string findings_of(const std::string& text) {
  try {
    read_measurements(file_with(text), RowFaults::refuse);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(MeasurementRows, KnowsColumnsByNameInAnyOrder) {
  const auto table = read_measurements(
      file_with(
          "kind,engine,tp,pp,model,hardware,batch,prompt_tokens,output_tokens,ttft_ms,extra,"
          "precision\n"
          "static_batch,vLLM,4,2,llama,\"A100, 80 GB\",16.0,512,128,12.5,\"x \"\"y\"\"\",fp8\n"
          "closed_loop_concurrency,sglang,1,,qwen,H100,3,1,2,,,\n"),
      RowFaults::refuse);
  ASSERT_EQ(table.rows.size(), 2U);
  const MeasurementRow& first = table.rows[0];
  EXPECT_EQ(first.line, 2);
  EXPECT_EQ(first.hardware, "A100, 80 GB");
  EXPECT_EQ(first.kind, MeasurementKind::static_batch);
  EXPECT_EQ(first.tp, 4);
  EXPECT_EQ(first.pp, 2);
  EXPECT_EQ(first.batch, 16);
  EXPECT_EQ(first.prompt_tokens, 512);
  EXPECT_EQ(first.output_tokens, 128);
  EXPECT_DOUBLE_EQ(first.ttft_ms.value(), 12.5);
  EXPECT_FALSE(first.tpot_ms.has_value());
  EXPECT_EQ(first.precision, "fp8");
  const MeasurementRow& second = table.rows[1];
  EXPECT_EQ(second.kind, MeasurementKind::closed_loop);
  EXPECT_EQ(second.pp, 1) << "an empty pp is one stage";
  EXPECT_EQ(second.precision, "unstated");
  EXPECT_FALSE(second.ttft_ms.has_value());
}

TEST(MeasurementRows, KeepsTheLinesAsTheyStandInTheFile) {
  const std::string row = "a,\"b \"\"c\"\"\",1,1,1,1,e,static_batch";
  const auto table = read_measurements(
      file_with("\xEF\xBB\xBF" + std::string{header} + "\r\n\r\n" + row + "\r\n" + row),
      RowFaults::refuse);
  EXPECT_EQ(table.header, header);
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].line, 3) << "the empty line is counted";
  EXPECT_EQ(table.rows[0].text, row);
  EXPECT_EQ(table.rows[1].text, row) << "a last line without an end is a line";
}

TEST(MeasurementRows, TellsEveryBadFieldWithItsLine) {
  const std::string text = findings_of(std::string{header} +
                                       ",ttft_ms\n"
                                       ",A100,0,1.5,1,1,vLLM,static,0\n"
                                       "m,A100,1,1,x,1,vLLM,static_batch,1\n");
  for (const char* part : {"csv:2: model:", "csv:2: tp:", "csv:2: batch:", "csv:2: kind:",
                           "csv:2: ttft_ms:", "found \"1.5\"", "csv:3: prompt_tokens:"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(MeasurementRows, OneOddRowLeavesTheOthersWhereFaultsAreKept) {
  const auto table =
      read_measurements(file_with(std::string{header} + ",ttft_ms,tpot_ms\n"
                                                        "m,A100,1,1,5,1,vLLM,static_batch,12,0\n"
                                                        "m,A100,1,,5,1,vLLM,static_batch,12,3\n"
                                                        "m,A100,1,2,5,1,vLLM,closed_loop,nan,3\n"),
                        RowFaults::keep);
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].fault, "");
  EXPECT_DOUBLE_EQ(table.rows[0].ttft_ms.value(), 12);
  EXPECT_FALSE(table.rows[0].tpot_ms.has_value()) << "no time between tokens was measured";
  EXPECT_THAT(table.rows[1].fault, HasSubstr("batch: expected a whole number"));
  EXPECT_EQ(table.rows[2].fault, "");
  EXPECT_EQ(table.rows[2].kind, MeasurementKind::closed_loop);
  EXPECT_FALSE(table.rows[2].ttft_ms.has_value());
}

TEST(MeasurementRows, RefusesWhatIsNoTable) {
  EXPECT_THAT(findings_of(""), HasSubstr("empty"));
  EXPECT_THAT(findings_of("model,hardware\n"), HasSubstr("\"tp\" is missing"));
  EXPECT_THAT(findings_of(std::string{header} + ",tp\n"), HasSubstr("\"tp\" stands twice"));
  EXPECT_THAT(findings_of(std::string{header} + "\n"), HasSubstr("no rows"));
  EXPECT_THAT(findings_of(std::string{header} + "\na,b,1\n"), HasSubstr("csv:2: fewer values"));
  EXPECT_THAT(findings_of(std::string{header} + "\na,b,1,1,1,1,e,static_batch,9\n"),
              HasSubstr("csv:2: more values"));
  EXPECT_THAT(findings_of(std::string{header} + "\n\"a,b,1,1,1,1,e,static_batch\n"),
              HasSubstr("csv:2:"));
  EXPECT_THROW(read_measurements("/nowhere/rows.csv", RowFaults::refuse), ConfigError);
}

}  // namespace
}  // namespace plimsoll::cli
