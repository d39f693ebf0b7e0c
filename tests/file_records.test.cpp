// JSON and CSV in the files of a directory: into rows, and from rows.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/file.hpp"
#include "millrace/json.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::stream_fixture;

struct click {
  std::string user;
  int item = 0;
  std::optional<std::string> from;
  bool operator==(const click&) const = default;
};
using clicks = std::vector<click>;
const file_stream_options all_files{.new_files_only = false};

class FileRecords : public ::testing::Test {
 protected:
  FileRecords() {
    std::string name = (fs::temp_directory_path() / "millrace_file_records_XXXXXX").string();
    root = ::mkdtemp(name.data());
    fs::create_directory(root / "in");
    detail::set_log_level(detail::log_level::off);
  }
  ~FileRecords() override {
    detail::set_log_level(detail::log_level::warn);
    fs::remove_all(root);
  }

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((root / "in" / name).parent_path());
    std::ofstream(root / "in" / name, std::ios::binary) << content;
  }
  std::string in() const { return (root / "in").string(); }
  std::string out() const { return (root / "out").string(); }
  std::string written() const {
    std::ostringstream all;
    for (const auto& entry : fs::directory_iterator(out()))
      if (entry.is_regular_file()) all << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    return all.str();
  }

  template <class Source>
  static auto first_batch(const Source& source, streaming_context_options options = {}) {
    options.batch = 1s;
    stream_fixture s{options};
    auto seen = s.collect(s.streaming().stream(source));
    s.advance();
    return seen.batches()[0].to_vector();
  }
  template <class T, class Sink>
  static void write_batch(const std::vector<T>& rows, const Sink& sink) {
    stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
    auto input = s.input<T>();
    input.write(sink);
    s.feed(input, {rows});
    s.run();
  }
  template <class Source>
  static std::string failure(const Source& source) {
    try {
      (void)first_batch(source);
    } catch (const stream_error& e) {
      return describe(e);
    }
    return "it was taken";
  }

  fs::path root;
};

TEST_F(FileRecords, json_lines_become_rows) {
  write("a.json",
        "\xef\xbb\xbf{\"user\":\"ada\",\"item\":1,\"from\":\"x\"}\r\n\n"
        "{\"item\": 2, \"user\": \"bob\", \"other\": []}");
  const clicks rows = first_batch(file::json<click>{.directory = in(), .read = all_files});
  EXPECT_EQ(rows, (clicks{{"ada", 1, "x"}, {"bob", 2, {}}}));
}

TEST_F(FileRecords, csv_records_become_rows) {
  write("a.csv", "item,user,from\r\n1,\"a,\n\"\"b\"\"\",\r\n2,bob,x\n\n3,\"\",\"\"\n");
  const clicks rows = first_batch(file::csv<click>{.directory = in(), .read = all_files});
  EXPECT_EQ(rows, (clicks{{"a,\n\"b\"", 1, {}}, {"bob", 2, "x"}, {"", 3, ""}}));
}

TEST_F(FileRecords, csv_without_a_header_goes_by_position_and_pairs_by_names_of_ones_choice) {
  write("a.csv", "x;1\ny;2\n");
  using counts = std::vector<std::pair<std::string, int>>;
  EXPECT_EQ((first_batch(file::csv<std::pair<std::string, int>>{
                .directory = in(), .read = all_files, .header = false, .delimiter = ';'})),
            (counts{{"x", 1}, {"y", 2}}));
  write("a.csv", "n,word\n1,x\n");
  EXPECT_EQ((first_batch(file::csv<std::pair<std::string, int>>{
                .directory = in(), .read = all_files, .columns = {"word", "n"}})),
            (counts{{"x", 1}}));
}

TEST_F(FileRecords, files_below_are_read_when_asked_for_and_filtered) {
  write("a.json", "{\"user\":\"a\",\"item\":1}\n");
  write("2024/05/b.json", "{\"user\":\"b\",\"item\":2}\n");
  write("2024/c.txt", "no json\n");
  const clicks rows = first_batch(file::json<click>{
      .directory = in(),
      .read = {.filter = [](const std::string& path) { return path.ends_with(".json"); },
               .new_files_only = false,
               .recursive = true}});
  EXPECT_EQ(rows, (clicks{{"a", 1, {}}, {"b", 2, {}}}));
}

TEST_F(FileRecords, a_bad_record_fails_the_stream_with_file_line_and_field) {
  write("a.json", "{\"user\":\"a\",\"item\":1}\n\n{\"user\":\"a\",\"item\":3000000000}\n");
  const std::string text = failure(file::json<click>{.directory = in(), .read = all_files});
  for (const char* part : {"a.json, line 3", "out of range: 3000000000", "\"item\"", "at byte 20"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  fs::remove(in() + "/a.json");
  write("a.csv", "user,item,from\n\"two\nlines\",1,\na,b,c\n");
  const std::string other = failure(file::csv<click>{.directory = in(), .read = all_files});
  for (const char* part : {"a.csv, line 4", "no integer: b", "\"item\""})
    EXPECT_NE(other.find(part), std::string::npos) << other;
}

TEST_F(FileRecords, a_header_that_does_not_fit_fails_whatever_the_policy) {
  write("a.csv", "user,number\na,1\n");
  const std::string text = failure(
      file::csv<click>{.directory = in(), .read = all_files, .on_bad_record = on_bad_record::skip});
  EXPECT_NE(text.find("no such name, in field \"item\""), std::string::npos) << text;
}

TEST_F(FileRecords, bad_records_are_skipped_or_kept) {
  const std::string good = "{\"user\":\"a\",\"item\":1}\n";
  write("a.json", good + "{\"user\":\n" + good + std::string(300, 'x') + "\n" + good);
  file::json<click> source{.directory = in(), .read = all_files, .max_record = 200};
  source.on_bad_record = on_bad_record::skip;
  EXPECT_EQ(first_batch(source).size(), 3U);
  source.on_bad_record = on_bad_record::quarantine;
  EXPECT_THROW((void)first_batch(source), usage_error);
  const std::string kept = (root / "kept").string();
  EXPECT_EQ(first_batch(source, {.conf = {{"deadLetters.directory", kept}}}).size(), 3U);
  std::ostringstream all;
  for (const auto& entry : fs::recursive_directory_iterator(kept))
    if (entry.is_regular_file()) all << std::ifstream(entry.path(), std::ios::binary).rdbuf();
  for (const std::string& part : {std::string("file json"), std::string("a.json, line 2"),
                                  std::string("{\"user\":"), std::string(300, 'x')})
    EXPECT_NE(all.str().find(part), std::string::npos) << part;
}

TEST_F(FileRecords, an_open_quote_does_not_swallow_more_than_a_record_may_have) {
  std::string text = "user,item,from\n\"open,1,\n";
  for (int i = 0; i < 1000; ++i) text += "a,1,\n";
  write("a.csv", text);
  const clicks rows = first_batch(file::csv<click>{.directory = in(),
                                                   .read = all_files,
                                                   .on_bad_record = on_bad_record::skip,
                                                   .max_record = 100});
  EXPECT_GT(rows.size(), 950U);
}

TEST_F(FileRecords, what_json_and_csv_sinks_write_their_sources_read) {
  const clicks rows{{"a,\"\n", 1, "x"}, {"", -5, {}}, {"b", 2, ""}};
  for (const bool json : {true, false}) {
    for (const char* codec : {"", "zstd"}) {
      fs::remove_all(out());
      if (json)
        write_batch(rows, file::json<>{.directory = out(), .write = {.compression = codec}});
      else write_batch(rows, file::csv<>{.directory = out(), .write = {.compression = codec}});
      EXPECT_EQ(json ? first_batch(file::json<click>{.directory = out(), .read = all_files})
                     : first_batch(file::csv<click>{.directory = out(), .read = all_files}),
                rows);
    }
  }
}

TEST_F(FileRecords, sinks_name_columns_as_they_are_told) {
  using counts = std::vector<std::pair<std::string, int>>;
  write_batch(counts{{"a", 1}}, file::json<>{.directory = out(), .columns = {"word", "count"}});
  EXPECT_EQ(written(), "{\"word\":\"a\",\"count\":1}\n");
  fs::remove_all(out());
  write_batch(counts{{"a;b", 1}},
              file::csv<>{.directory = out(), .delimiter = ';', .columns = {"word", "count"}});
  EXPECT_EQ(written(), "word;count\n\"a;b\";1\n");
}

}  // namespace
}  // namespace millrace
