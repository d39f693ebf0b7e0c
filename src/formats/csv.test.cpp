#include "millrace/detail/formats/csv_text.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace millrace::detail {
namespace {

struct inner {
  int a = 1;
  std::string b;
  bool operator==(const inner&) const = default;
};
struct line {
  std::string name;
  int count = 5;
  std::optional<double> price;
  std::optional<std::string> note;
  std::vector<int> list;
  std::optional<inner> deep;
  bool yes = false;
  bool operator==(const line&) const = default;
};

template <class T>
row_columns columns_of(const std::vector<std::string>& names = {}) {
  return {"csv", named_row_of<T>(), names};
}
template <class T>
T parse(csv_reader& reader, std::string_view record) {
  row_shape<T> row;
  reader.read(record, &row.row);
  T result = std::move(row.row);
  row.row.~T();
  return result;
}
template <class T>
std::string refusal(csv_reader& reader, std::string_view record) {
  try {
    (void)parse<T>(reader, record);
  } catch (const record_error& e) {
    return e.what();
  }
  return "it was taken";
}

TEST(Csv, rows_print_with_a_header_and_read_back) {
  const csv_printer printer(columns_of<line>(), ',');
  EXPECT_EQ(printer.header(), "name,count,price,note,list,deep,yes\n");
  const std::vector<line> all{{"a,\"b\"\r\nc", -1, 2.5, "", {1, 2}, inner{3, "x\"y"}, true},
                              {"", 0, {}, {}, {}, {}, false},
                              {" x", 0, {}, " ", {}, {}, false}};
  csv_reader reader(columns_of<line>(), {});
  for (const line& row : all) {
    std::string text;
    printer.print(&row, text);
    ASSERT_EQ(text.back(), '\n');
    text.pop_back();
    EXPECT_EQ(parse<line>(reader, text), row) << text;
  }
  std::string text;
  printer.print(&all[0], text);
  EXPECT_EQ(
      text,
      "\"a,\"\"b\"\"\r\nc\",-1,2.5,\"\",\"[1,2]\",\"{\"\"a\"\":3,\"\"b\"\":\"\"x\\\"\"y\"\"}\","
      "true\n");
  text.clear();
  printer.print(&all[1], text);
  EXPECT_EQ(text, "\"\",0,,,[],,false\n");
}

TEST(Csv, a_header_names_columns_in_any_order) {
  csv_reader reader(columns_of<line>(), {.missing = missing_fields::keep_default});
  reader.header("other,price,name");
  const line row = parse<line>(reader, "x,1.5,ada");
  EXPECT_EQ(row.name, "ada");
  EXPECT_EQ(row.price, 1.5);
  EXPECT_EQ(row.count, 5);
  EXPECT_NE(refusal<line>(reader, "x,1").find("2, not 3"), std::string::npos);

  csv_reader strict(columns_of<line>(), {.extra = extra_fields::fail});
  EXPECT_THROW(strict.header("name,other"), record_error);
  EXPECT_THROW(strict.header("name,count"), record_error);
  EXPECT_THROW(strict.header("name,name"), record_error);
  strict.header("yes,list,count,name");
  EXPECT_EQ(parse<line>(strict, "true,\"[7]\",2,n").list, (std::vector<int>{7}));
}

TEST(Csv, other_delimiters_names_and_scalars) {
  csv_reader pairs(columns_of<std::pair<std::string, int>>({"word", "n"}), {.delimiter = '\t'});
  pairs.header("n\tword");
  EXPECT_EQ((parse<std::pair<std::string, int>>(pairs, "3\ta,b")),
            (std::pair<std::string, int>("a,b", 3)));
  const csv_printer printer(columns_of<std::pair<std::string, int>>({"word", "n"}), '\t');
  EXPECT_EQ(printer.header(), "word\tn\n");
  csv_reader numbers(columns_of<int>(), {});
  EXPECT_EQ(parse<int>(numbers, "17"), 17);
  EXPECT_THROW(csv_reader(columns_of<int>(), {.delimiter = '"'}), usage_error);
  EXPECT_THROW(columns_of<inner>({"a"}), usage_error);
  EXPECT_THROW(columns_of<inner>({"a", "a"}), usage_error);
}

TEST(Csv, what_does_not_fit_is_refused_with_its_field_and_place) {
  csv_reader reader(columns_of<line>(), {.extra = extra_fields::fail});
  for (const auto& [record, parts] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"a,x,,,[],,true", {"no integer: x", "\"count\"", "at byte 3"}},
           {"a,2147483648,,,[],,true", {"out of range", "\"count\""}},
           {"a,1,x,,[],,true", {"no number: x", "\"price\""}},
           {"a,1,,,[1,,true", {"no JSON", "\"list\""}},
           {"a,1,,,[],\"{\"\"a\"\":1}\",true", {"missing", "\"deep\""}},
           {"a,1,,,[],,yes", {"neither true nor false", "\"yes\""}},
           {"a,1,,", {"missing", "\"list\""}},
           {"a,1,,,[],,true,more", {"more cells", "8"}},
           {"a\"b,1", {"a quote is within a cell"}},
           {"\"a\"b,1", {"after a closing quote", "at byte 4"}},
           {"\"a,1", {"never closed"}},
           {"\xff,1", {"not UTF-8"}}}) {
    const std::string text = refusal<line>(reader, record);
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << record << ": " << text;
  }
}

TEST(Csv, a_record_ends_where_no_quote_is_open) {
  csv_record_end end(',');
  EXPECT_TRUE(end.feed("a,b\n"));
  EXPECT_FALSE(end.feed("a,\"b\n"));
  EXPECT_FALSE(end.feed("\"\"c\n"));
  EXPECT_TRUE(end.feed("\",d\n"));
  EXPECT_TRUE(end.feed("a\"b\n"));
  EXPECT_FALSE(end.feed("\"\n"));
  EXPECT_TRUE(end.feed("\"\"\"\n"));
}

}  // namespace
}  // namespace millrace::detail
