#include "connectors/sql/statements.hpp"

#include <gtest/gtest.h>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

TEST(SqlStatements, names_are_quoted) {
  EXPECT_EQ(quoted_name(database::postgresql, "a\"; DROP TABLE b --"),
            "\"a\"\"; DROP TABLE b --\"");
  EXPECT_EQ(quoted_name(database::mysql, "a`b\"c"), "`a``b\"c`");
  EXPECT_EQ(quoted_table(database::sqlite, "main.to tals"), "\"main\".\"to tals\"");
  for (const std::string& name : {std::string(), std::string("a:b"), std::string("a\0b", 3)})
    EXPECT_THROW((void)quoted_name(database::sqlite, name), usage_error);
  EXPECT_THROW((void)quoted_table(database::sqlite, "a."), usage_error);
}

TEST(SqlStatements, rows_are_inserted_or_changed) {
  const table_statement insert{"t", {"a", "b"}, {}};
  EXPECT_EQ(write_rows(database::postgresql, insert, 2),
            "INSERT INTO \"t\" (\"a\", \"b\") VALUES (:v0, :v1), (:v2, :v3)");
  const table_statement upsert{"t", {"a", "b", "c"}, {"a", "c"}};
  EXPECT_EQ(write_rows(database::sqlite, upsert, 1),
            "INSERT INTO \"t\" (\"a\", \"b\", \"c\") VALUES (:v0, :v1, :v2) ON CONFLICT (\"a\", "
            "\"c\") DO UPDATE SET \"b\" = excluded.\"b\"");
  EXPECT_EQ(write_rows(database::mysql, upsert, 1),
            "INSERT INTO `t` (`a`, `b`, `c`) VALUES (:v0, :v1, :v2) ON DUPLICATE KEY UPDATE `b` = "
            "VALUES(`b`)");
  const table_statement keys{"t", {"a"}, {"a"}};
  EXPECT_TRUE(write_rows(database::postgresql, keys, 1).ends_with("(\"a\") DO NOTHING"));
  EXPECT_TRUE(write_rows(database::mysql, keys, 1).ends_with("UPDATE `a` = `a`"));
}

}  // namespace
}  // namespace millrace::detail
