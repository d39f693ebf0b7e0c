// Files in and out: compressed text, whole files, records, rows of any type.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "millrace/millrace.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace std::string_literals;
using namespace tests;
using files = std::vector<std::pair<std::string, std::string>>;

template <class T>
strings texts_of(const rdd<T>& data) {
  strings all;
  for (const auto& row : data.collect()) all.emplace_back(row);
  return all;
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& f : std::filesystem::directory_iterator(directory))
    names.insert(f.path().filename());
  return names;
}

class Files : public testing::Test {
 protected:
  scratch_directory dir;
  context sc{{.name = "files", .master = "local[2]"}};
};

TEST_F(Files, BracedLists) {
  EXPECT_EQ(sc.parallelize({3, 1, 2}).collect(), (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(
      sc.parallelize({"a", "b"}, 1).map([](const std::string& s) { return s + "!"; }).collect(),
      (strings{"a!", "b!"}));
  EXPECT_EQ(sc.parallelize<std::string_view>({"a", "b"}).collect(), (strings{"a", "b"}));
  EXPECT_EQ(sc.parallelize({std::pair{"k"s, 1}}).collect(),
            (std::vector<std::pair<std::string, int>>{{"k", 1}}));
  EXPECT_EQ(sc.parallelize(std::vector<bool>{true, false}).collect(),
            (std::vector<bool>{true, false}));
  EXPECT_EQ(sc.parallelize({1, 2, 3}, 2).partitions(), 2);
  EXPECT_EQ(sc.parallelize(std::vector<int>{}).count(), 0);
}

TEST_F(Files, TextOfAnyBytes) {
  const std::string text =
      "a\0b\r\n\xff\xfe\xc3(\n\r\nlast \xe2\x82"s;  // NUL, no UTF-8, an empty line, no end
  const strings expected{"a\0b"s, "\xff\xfe\xc3("s, "", "last \xe2\x82"s};
  const auto path = dir.write("any", text);
  for (int n : {1, 2, 5, 40}) EXPECT_EQ(texts_of(sc.text_file(path, n)), expected) << n;
}

TEST_F(Files, LargeTextIsSplitAtLineEnds) {
  context small{{.master = "local[4]", .conf = {{"local.block.size", "64k"}}}};
  std::string text;
  strings expected;
  for (int i = 0; i < 40'000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i % 17), 'x') + std::to_string(i));
    text += expected.back() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  const auto data = small.text_file(dir.write("large", text));
  EXPECT_EQ(data.partitions(), static_cast<int>((text.size() + 65535) / 65536));
  EXPECT_EQ(texts_of(data), expected);
}

TEST_F(Files, CompressedTextIsReadByExtension) {
  std::vector<std::pair<std::string, std::string>> kinds{
      {"gzip", ".gz"}, {"zstd", ".zst"}, {"lz4", ".lz4"}, {"bzip2", ".bz2"}};
  strings lines;
  for (int i = 0; i < 5000; ++i) lines.push_back("line " + std::to_string(i));
  for (const auto& [codec, extension] : kinds) {
    const auto out = dir.path(codec);
    sc.parallelize(lines, 3).save_as_text_file(out, codec);
    EXPECT_EQ(names_in(out),
              (std::set<std::string>{"_SUCCESS", "part-00000" + extension, "part-00001" + extension,
                                     "part-00002" + extension}));
    EXPECT_LT(std::filesystem::file_size(out + "/part-00000" + extension), 15'000U) << codec;
    const auto back = sc.text_file(out, 100);
    EXPECT_EQ(back.partitions(), 3);  // never split
    EXPECT_EQ(texts_of(back), lines) << codec;
    EXPECT_EQ(back.flat_map(words()).count(), 10'000) << codec;
  }
  // Several kinds at once, with plain text between them.
  dir.write("plain", "line\n");
  EXPECT_EQ(sc.text_file(dir.path("gzip") + "," + dir.path("plain") + "," + dir.path("{lz4,zstd}"))
                .count(),
            15'001);
}

TEST_F(Files, CompressedTextThatIsDamagedIsNamed) {
  sc.range(1000).save_as_text_file(dir.path("out"), "gzip");
  const auto name = dir.path("out/part-00000.gz");
  const std::string whole = read_file(name);
  dir.write("out/part-00000.gz", whole.substr(0, whole.size() - 4));
  const auto text = error_of<job_error>([&] { sc.text_file(dir.path("out")).count(); });
  EXPECT_NE(text.find("ends too early"), std::string::npos) << text;
  EXPECT_NE(text.find(name), std::string::npos) << text;
}

TEST_F(Files, AnUnknownCodecIsRefusedBeforeAnythingIsWritten) {
  const auto text =
      error_of<usage_error>([&] { sc.range(3).save_as_text_file(dir.path("out"), "rar"); });
  EXPECT_NE(text.find("gzip, zstd, lz4, bzip2"), std::string::npos) << text;
  EXPECT_FALSE(std::filesystem::exists(dir.path("out")));
}

TEST_F(Files, OtherFileSystemsNameTheirTarget) {
  EXPECT_NE(error_of<usage_error>([&] { sc.text_file("hdfs://name/a"); }).find("millrace::hdfs"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { sc.binary_files("s3://bucket/a"); }).find("millrace::s3"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] {
              sc.range(3).save_as_object_file("webhdfs://name/a");
            }).find("millrace::hdfs"),
            std::string::npos);
}

TEST_F(Files, WholeFiles) {
  dir.write("in/b", "second\nfile");
  dir.write("in/a", "");
  dir.write("in/_c", "hidden");
  const files expected{{dir.path("in/a"), ""}, {dir.path("in/b"), "second\nfile"}};
  EXPECT_EQ(sc.whole_text_files(dir.path("in")).collect(), expected);
  EXPECT_EQ(sc.binary_files(dir.path("in/*")).collect(), expected);
  EXPECT_EQ(sc.whole_text_files(dir.path("in"), 1).partitions(), 1);
  EXPECT_EQ(sc.whole_text_files(dir.path("in"), 10).partitions(), 2);
  EXPECT_EQ(sc.whole_text_files(dir.path("in"), 10).collect(), expected);
  std::filesystem::create_directories(dir.path("none"));
  EXPECT_EQ(sc.binary_files(dir.path("none")).count(), 0);
  EXPECT_THROW(sc.whole_text_files(dir.path("missing")), usage_error);
  EXPECT_THROW(sc.binary_files(dir.path("in"), -1), usage_error);
}

TEST_F(Files, WholeTextIsUnpackedAndBinaryIsNot) {
  sc.parallelize(strings{"one", "two"}, 1).save_as_text_file(dir.path("out"), "zstd");
  const auto path = dir.path("out/part-00000.zst");
  EXPECT_EQ(sc.whole_text_files(dir.path("out")).collect(), (files{{path, "one\ntwo\n"}}));
  EXPECT_EQ(sc.binary_files(dir.path("out")).collect(), (files{{path, read_file(path)}}));
}

TEST_F(Files, AWholeFileMayBeLarge) {
  const std::string large(20'000'001, 'x');
  const auto path = dir.write("large", large);
  const auto back = sc.binary_files(path).collect();
  ASSERT_EQ(back.size(), 1U);
  EXPECT_TRUE(back[0].second == large);
}

TEST_F(Files, BinaryRecords) {
  std::string bytes;
  strings expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back({static_cast<char>(i), '\0', static_cast<char>(i >> 8)});
    bytes += expected.back();
  }
  const auto path = dir.write("records", bytes);
  EXPECT_EQ(texts_of(sc.binary_records(path, 3)), expected);
  context small{{.master = "local[2]", .conf = {{"local.block.size", "1000"}}}};
  EXPECT_EQ(small.binary_records(path, 3).partitions(), 15);
  EXPECT_EQ(texts_of(small.binary_records(path, 3)), expected);
  EXPECT_EQ(small.binary_records(path, 5000).count(), 3);
  EXPECT_EQ(sc.binary_records(dir.write("empty", ""), 8).count(), 0);
  const auto text = error_of<usage_error>([&] { sc.binary_records(path, 7); });
  EXPECT_NE(text.find("7 bytes: 15000 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find(path), std::string::npos) << text;
  EXPECT_THROW(sc.binary_records(path, 0), usage_error);
}

struct trip {
  std::string city;
  std::optional<double> cost;
  std::map<int, std::vector<std::string>> notes;
  bool operator==(const trip&) const = default;
};

TEST_F(Files, ObjectsComeBack) {
  const std::vector<trip> trips{{"Oslo", 1.5, {{1, {"a", "b"}}}}, {"", {}, {}}, {"Rome", 2.0, {}}};
  sc.parallelize(trips, 2).save_as_object_file(dir.path("trips"));
  EXPECT_EQ(names_in(dir.path("trips")),
            (std::set<std::string>{"_SUCCESS", "part-00000", "part-00001"}));
  const auto back = sc.object_file<trip>(dir.path("trips"));
  EXPECT_EQ(back.partitions(), 2);
  EXPECT_EQ(back.collect(), trips);
  EXPECT_EQ(back.take(1)[0], trips[0]);
  // Text is text, however it was held.
  sc.text_file(dir.write("t", "one\ntwo\n")).save_as_object_file(dir.path("text"));
  EXPECT_EQ(sc.object_file<std::string>(dir.path("text")).collect(), (strings{"one", "two"}));
  EXPECT_EQ(texts_of(sc.object_file<std::string_view>(dir.path("text"))), (strings{"one", "two"}));
  // Rows with a codec, and none.
  sc.parallelize(std::vector<tracked>{1, 2}).save_as_object_file(dir.path("tracked"));
  EXPECT_EQ(sc.object_file<tracked>(dir.path("tracked")).collect(), (std::vector<tracked>{1, 2}));
  sc.empty<int>().save_as_object_file(dir.path("none"));
  EXPECT_EQ(sc.object_file<int>(dir.path("none")).count(), 0);
}

TEST_F(Files, ObjectsOfAnotherTypeAreRefused) {
  sc.parallelize(std::vector<int>{1, 2}, 1).save_as_object_file(dir.path("ints"));
  const auto text = error_of<usage_error>([&] { sc.object_file<trip>(dir.path("ints")).count(); });
  EXPECT_NE(text.find("it holds rows of int32, and not rows of (text, optional float64, "),
            std::string::npos)
      << text;
  EXPECT_THROW(sc.parallelize(std::vector<int>{1}).save_as_object_file(dir.path("ints")),
               usage_error);
}

TEST_F(Files, DamagedObjectsSayWhere) {
  std::vector<std::string> rows(10'000, "a row of some bytes");
  sc.parallelize(rows, 1).save_as_object_file(dir.path("out"));
  const auto name = dir.path("out/part-00000");
  std::string bytes = read_file(name);
  bytes[bytes.size() / 2] ^= 1;
  dir.write("out/part-00000", bytes);
  const auto text =
      error_of<job_error>([&] { sc.object_file<std::string>(dir.path("out")).count(); });
  EXPECT_NE(text.find("checksum is wrong: \"" + name + "\" at offset "), std::string::npos) << text;
  dir.write("out/part-00000", "no framed file");
  EXPECT_NE(
      error_of<job_error>([&] { sc.object_file<std::string>(dir.path("out")).count(); }).find(name),
      std::string::npos);
}

}  // namespace
}  // namespace millrace
