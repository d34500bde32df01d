// Traces: what is read, what is refused with which line, gzip, skipping, long streams.
#include "workload/trace_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plimsoll/errors.hpp"
#include "support/workload_builders.hpp"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_gzip;
using testing::write_plain;

constexpr const char* header = "arrival_s,prompt_tokens,output_tokens\n";

struct Read {
  std::vector<TraceRow> rows;
  std::int64_t skipped = 0;
};

Read read_from(std::unique_ptr<ByteSource> bytes, bool skip = false) {
  TraceReader reader{"t.csv", std::move(bytes), skip};
  Read read;
  TraceRow row;
  while (reader.next(row)) {
    read.rows.push_back(row);
  }
  read.skipped = reader.skipped_rows();
  return read;
}

Read read_text(std::string_view text, bool skip = false) {
  return read_from(std::make_unique<MemoryBytes>(text), skip);
}

/// The one finding that reading `text` ends with; line -1 when it ends well.
Diagnostic failure_of(std::unique_ptr<ByteSource> bytes, bool skip = false) {
  try {
    read_from(std::move(bytes), skip);
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.diagnostics().size(), 1U);
    return error.diagnostics().front();
  }
  Diagnostic none;
  none.line = -1;
  return none;
}

Diagnostic failure_of_text(std::string_view text, bool skip = false) {
  return failure_of(std::make_unique<MemoryBytes>(text), skip);
}

TEST(TraceReader, ColumnsComeInAnyOrder) {
  const Read read = read_text(
      "output_tokens,reusable_prefix_tokens,arrival_s,prompt_tokens\n"
      "44,0,0.000,374\n109,256,4.315,396\n");
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.rows[0].at.count(), 0);
  EXPECT_EQ(read.rows[1].at.count(), 4'315'000'000);
  EXPECT_EQ(read.rows[1].prompt_tokens, 396);
  EXPECT_EQ(read.rows[1].output_tokens, 109);
  EXPECT_EQ(read.rows[1].reusable_prefix_tokens, 256);
}

TEST(TraceReader, LayoutThatMeansNothingIsIgnored) {
  // A byte order mark, blank lines, spaces, Windows line ends, no line end at the end.
  const Read read = read_text(
      "\xEF\xBB\xBF\r\n arrival_s , prompt_tokens,output_tokens\t\r\n\r\n0, 1 ,2\r\n\n \n1,3,4");
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.rows[0].output_tokens, 2);
  EXPECT_EQ(read.rows[1].at.count(), 1'000'000'000);
  EXPECT_EQ(read.rows[1].output_tokens, 4);
}

TEST(TraceReader, AHeaderAloneIsATraceWithoutRequests) {
  EXPECT_TRUE(read_text(header).rows.empty());
}

TEST(TraceReader, TakesTheLargestCounts) {
  const Read read = read_text(std::string{header} + "0,1073741824,1\n");
  ASSERT_EQ(read.rows.size(), 1U);
  EXPECT_EQ(read.rows[0].prompt_tokens, max_trace_tokens);
}

struct BadRow {
  const char* row;
  const char* column;
  const char* message;
};

const BadRow bad_rows[] = {
    {"x,1,1", "arrival_s", "expected a number of seconds like 12.345, found \"x\""},
    {",1,1", "arrival_s", "found \"\""},
    {"nan,1,1", "arrival_s", "found \"nan\""},
    {"inf,1,1", "arrival_s", "found \"inf\""},
    {"-3,1,1", "arrival_s", "expected seconds from 0 on, found \"-3\""},
    {"1e12,1,1", "arrival_s", "expected at most 500000000 seconds"},
    {"2.999999999,1,1", "arrival_s", "row above (3.000000000 s), found \"2.999999999\""},
    {"4,0,1", "prompt_tokens", "expected a whole number from 1 to 1073741824, found \"0\""},
    {"4,-5,1", "prompt_tokens", "found \"-5\""},
    {"4,1.5,1", "prompt_tokens", "found \"1.5\""},
    {"4,1073741825,1", "prompt_tokens", "found \"1073741825\""},
    {"4,99999999999999999999,1", "prompt_tokens", "found \"99999999999999999999\""},
    {"4,1,0", "output_tokens", "expected a whole number from 1"},
    {"4,1,", "output_tokens", "found \"\""},
    {"4,1,1e3", "output_tokens", "found \"1e3\""},
    {"4,1,+1", "output_tokens", "found \"+1\""},
    {"4,1,nan", "output_tokens", "found \"nan\""},
    {"4,1,\"1\"", "output_tokens", "found \"\"1\"\""},
    {"4,1", "", "expected 3 values, as the header names, found fewer"},
    {"4", "", "found fewer"},
    {"4,1,1,1", "", "expected 3 values, as the header names, found more"},
    {"4;1;1", "", "found fewer"},
    {"4,1,1\xff\x80", "output_tokens", "found \"1??\""},
};

TEST(TraceReader, BadRowsAreErrorsWithLineColumnAndRemedy) {
  for (const BadRow& bad : bad_rows) {
    SCOPED_TRACE(bad.row);
    const std::string text = std::string{header} + "3,1,1\n\n" + bad.row + "\n5,1,1\n";
    const Diagnostic found = failure_of_text(text);
    EXPECT_EQ(found.file, "t.csv");
    EXPECT_EQ(found.line, 4);
    EXPECT_EQ(found.key_path, bad.column);
    EXPECT_THAT(found.message, HasSubstr(bad.message));
    EXPECT_THAT(found.hint, HasSubstr("--skip-bad-rows"));
  }
}

TEST(TraceReader, BadRowsAreCountedWhenSkipped) {
  std::string text = std::string{header} + "3,1,1\n";
  for (const BadRow& bad : bad_rows) {
    text += std::string{bad.row} + "\n";
  }
  text += "3,7,1\n";
  const Read read = read_text(text, true);
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.rows[1].prompt_tokens, 7);
  EXPECT_EQ(read.skipped, static_cast<std::int64_t>(std::size(bad_rows)));
}

TEST(TraceReader, AZeroByteDoesNotEndAValue) {
  const std::string text = std::string{header} + "0,1,1" + std::string(1, '\0') + "9\n";
  EXPECT_EQ(failure_of_text(text).line, 2);
}

TEST(TraceReader, APrefixIsAtMostThePrompt) {
  const std::string four = "arrival_s,prompt_tokens,output_tokens,reusable_prefix_tokens\n";
  EXPECT_EQ(read_text(four + "0,10,1,10\n").rows.at(0).reusable_prefix_tokens, 10);
  const Diagnostic found = failure_of_text(four + "0,10,1,0\n0,10,1,11\n");
  EXPECT_EQ(found.line, 3);
  EXPECT_EQ(found.key_path, "reusable_prefix_tokens");
  EXPECT_THAT(found.message, HasSubstr("from 0 to 10, found \"11\""));
  EXPECT_THAT(failure_of_text(four + "0,10,1\n").message, HasSubstr("expected 4 values"));
}

TEST(TraceReader, MayNameSessionClassTenantAndKey) {
  const std::string text =
      "key,session,arrival_s,prompt_tokens,output_tokens,class,tenant\n"
      "k 1, s/1 ,0,1,1,free,Zo\xC3\xAB\nk2,,1,1,1,plus,b\n";
  TraceReader reader{"t.csv", std::make_unique<MemoryBytes>(text), false};
  EXPECT_TRUE(reader.columns().session && reader.columns().request_class);
  EXPECT_TRUE(reader.columns().tenant && reader.columns().key);
  EXPECT_FALSE(reader.columns().reusable_prefix_tokens);
  TraceRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.session, "s/1");
  EXPECT_EQ(row.request_class, "free");
  EXPECT_EQ(row.tenant, "Zo\xC3\xAB");
  EXPECT_EQ(row.key, "k 1");
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.session, "") << "of none";
  EXPECT_EQ(row.key, "k2");
}

TEST(TraceReader, NamesAreShortPrintableAndOnlyThatOfASessionMayBeMissing) {
  const std::string names = "arrival_s,prompt_tokens,output_tokens,session,class,tenant,key\n";
  const auto column_of = [&](const std::string& row) {
    const Diagnostic found = failure_of_text(names + "0,1,1,s,c,t,k\n" + row + "\n");
    EXPECT_EQ(found.line, found.key_path.empty() ? -1 : 3);
    return found.key_path;
  };
  EXPECT_EQ(column_of("1,1,1,,c,t,k"), "") << "of no session";
  EXPECT_EQ(column_of("1,1,1,s,,t,k"), "class");
  EXPECT_EQ(column_of("1,1,1,s,c,,k"), "tenant");
  EXPECT_EQ(column_of("1,1,1,s,c,t,"), "key");
  EXPECT_EQ(column_of("1,1,1,s\x01,c,t,k"), "session");
  EXPECT_EQ(column_of("1,1,1," + std::string(201, 's') + ",c,t,k"), "session");
  EXPECT_EQ(column_of("1,1,1," + std::string(200, 's') + ",c,t,k"), "");
  EXPECT_THAT(failure_of_text(names + "0,1,1,s,c,t\n").message, HasSubstr("expected 7 values"));
}

TEST(TraceReader, BadFilesAreErrorsEvenWhenSkipping) {
  struct Case {
    std::string text;
    int line;
    const char* message;
  };
  const Case cases[] = {
      {"", 1, "the trace is empty"},
      {"\n\n", 1, "the trace is empty"},
      {"0,1,1\n", 1, "unknown column \"0\""},
      {"\n\narrival_s,prompt_tokens\n0,1\n", 3, "the column \"output_tokens\" is missing"},
      {"prompt_tokens,output_tokens\n", 1, "the column \"arrival_s\" is missing"},
      {"arrival_s,prompt_tokens,output_tokens,prompt_tokens\n", 1,
       "the column \"prompt_tokens\" stands twice"},
      {"arrival_s,prompt_tokens,output_tokens,tier\n", 1, "unknown column \"tier\""},
      {"arrival_s,prompt_tokens,output_token\n", 1, "unknown column \"output_token\""},
      {std::string{header} + "0,1,1\n" + std::string(std::size_t{1} << 24, '1'), 3,
       "the line is longer than 16 MiB"},
      {std::string(std::size_t{1} << 24, 'a'), 1, "the line is longer than 16 MiB"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.message);
    for (const bool skip : {false, true}) {
      const Diagnostic found = failure_of_text(bad.text, skip);
      EXPECT_EQ(found.line, bad.line);
      EXPECT_THAT(found.message, HasSubstr(bad.message));
      EXPECT_FALSE(found.hint.empty());
    }
  }
}

std::string many_rows(int count) {
  std::string text = header;
  for (int i = 0; i < count; ++i) {
    text += std::to_string(i / 10) + "." + std::to_string(i % 10) + "," +
            std::to_string(1 + i * 7919 % 4000) + "," + std::to_string(1 + i * 104729 % 700) + "\n";
  }
  return text;
}

TEST(TraceFile, GzipReadsAsPlain) {
  const TemporaryFolder folder;
  const std::string text = many_rows(20000);
  write_plain(folder.file("t.csv"), text);
  write_gzip(folder.file("t.csv.gz"), text);
  ASSERT_LT(read_bytes(folder.file("t.csv.gz")).size(), text.size() / 2);
  const Read plain = read_from(open_byte_file(folder.file("t.csv")));
  const Read zipped = read_from(open_byte_file(folder.file("t.csv.gz")));
  ASSERT_EQ(plain.rows.size(), 20000U);
  ASSERT_EQ(zipped.rows.size(), 20000U);
  for (std::size_t i = 0; i < plain.rows.size(); ++i) {
    ASSERT_EQ(plain.rows[i].at, std::chrono::milliseconds{100} * i);
    ASSERT_EQ(zipped.rows[i].at, plain.rows[i].at);
    ASSERT_EQ(zipped.rows[i].prompt_tokens, plain.rows[i].prompt_tokens);
    ASSERT_EQ(zipped.rows[i].output_tokens, plain.rows[i].output_tokens);
  }
}

TEST(TraceFile, CutGzipIsAnErrorAtTheCut) {
  const TemporaryFolder folder;
  write_gzip(folder.file("t.csv.gz"), many_rows(20000));
  const std::string whole = read_bytes(folder.file("t.csv.gz"));
  int last_line = 0;
  for (const std::size_t keep : {whole.size() / 4, whole.size() / 2, whole.size() - 1}) {
    write_plain(folder.file("cut.csv.gz"), whole.substr(0, keep));
    const Diagnostic found = failure_of(open_byte_file(folder.file("cut.csv.gz")), true);
    EXPECT_THAT(found.message, HasSubstr("the gzip data end too early"));
    EXPECT_GT(found.line, last_line);
    last_line = found.line;
  }
  EXPECT_LE(last_line, 20002);
  EXPECT_GT(last_line, 19000);
}

TEST(TraceFile, DamagedGzipIsAnError) {
  const TemporaryFolder folder;
  write_gzip(folder.file("t.csv.gz"), many_rows(20000));
  std::string bytes = read_bytes(folder.file("t.csv.gz"));
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 0x55);  // its checksum
  write_plain(folder.file("bad.csv.gz"), bytes);
  EXPECT_THAT(failure_of(open_byte_file(folder.file("bad.csv.gz")), true).message,
              HasSubstr("the gzip data are damaged"));
}

TEST(TraceFile, AMissingFileAndAFolderAreNamed) {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.file("none.csv"), folder.path()}) {
    try {
      read_from(open_byte_file(path));
      ADD_FAILURE() << path;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path));
      EXPECT_THAT(error.what(), HasSubstr("cannot be read"));
    }
  }
}

/// A header and `rows` rows "<i>,1,<i % 9 + 1>", made as they are read, in short reads.
class GeneratedRows : public ByteSource {
 public:
  explicit GeneratedRows(int rows) : rows_{rows} {}
  std::size_t read(char* buffer, std::size_t size) override {
    if (text_.empty() && row_ < rows_) {
      text_ = std::to_string(row_) + ",1," + std::to_string(row_ % 9 + 1) + "\n";
      ++row_;
    }
    const std::size_t count = std::min(size, text_.size());
    std::copy_n(text_.data(), count, buffer);
    text_.erase(0, count);
    return count;
  }

 private:
  int rows_;
  int row_ = 0;
  std::string text_ = header;
};

// 60 MB: more than the reader's buffers hold at a time, with rows across every seam.
TEST(TraceReader, StreamsFilesLargerThanItsBuffers) {
  constexpr int rows = 5'000'000;
  TraceReader reader{"t.csv", std::make_unique<GeneratedRows>(rows), false};
  TraceRow row;
  int next = 0;
  while (reader.next(row)) {
    ASSERT_EQ(row.at, std::chrono::seconds{next});
    ASSERT_EQ(row.output_tokens, next % 9 + 1);
    ++next;
  }
  EXPECT_EQ(next, rows);
}

}  // namespace
}  // namespace plimsoll
