#include "connectors/sql/database_url.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

TEST(DatabaseUrl, a_file_of_sqlite) {
  for (const auto& [url, path] : {std::pair{"sqlite:totals.db", "totals.db"},
                                  {"sqlite:///var/a%20b.db", "/var/a b.db"},
                                  {"sqlite:/tmp/x", "/tmp/x"}}) {
    const database_url parsed = parse_database_url(url);
    EXPECT_EQ(parsed.kind, database::sqlite);
    EXPECT_EQ(parsed.connection, "dbname=\"" + std::string(path) + "\" timeout=10");
  }
}

TEST(DatabaseUrl, a_server) {
  const database_url p =
      parse_database_url("postgresql://me:s%27e%40%5Cret@db:5433/shop?sslmode=require");
  EXPECT_EQ(p.kind, database::postgresql);
  EXPECT_EQ(p.connection,
            "postgresql:///?user=%6D%65&host=%64%62&port=%35%34%33%33&dbname=%73%68%6F%70&sslmode="
            "%72%65%71%75%69%72%65&password=%73%27%65%40%5C%72%65%74");
  EXPECT_EQ(p.shown, "postgresql://me@db:5433/shop");
  EXPECT_EQ(p.password, "s'e@\\ret");
  const database_url m = parse_database_url("mariadb://root@/shop?socket=/run/my.sock");
  EXPECT_EQ(m.kind, database::mysql);
  EXPECT_EQ(m.connection, "user='root' db='shop' unix_socket='/run/my.sock' charset='utf8mb4' ");
  EXPECT_EQ(parse_database_url("mysql://a:b%27%5C@[::1]:7/x").connection,
            "user='a' host='::1' port='7' db='x' pass='b\\'\\\\' charset='utf8mb4' ");
}

TEST(DatabaseUrl, the_password_is_never_shown) {
  for (const char* url : {"postgresql://me:canary@host/db", "mysql://me:canary@host/db",
                          "postgresql://me@host/db?password=canary"}) {
    EXPECT_EQ(parse_database_url(url).password, "canary");
    EXPECT_EQ(parse_database_url(url).shown.find("canary"), std::string::npos);
  }
  for (const char* url :
       {"postgresql://me:canary@host", "oracle://me:canary@host/db", "postgresql:me:canary@host/db",
        "mysql://me:canary%@host/db", "mysql://me:canary@host/db?password_env=MILLRACE_NONE"}) {
    try {
      (void)parse_database_url(url);
      ADD_FAILURE() << url;
    } catch (const usage_error& e) {
      EXPECT_EQ(std::string(e.what()).find("canary"), std::string::npos) << e.what();
    }
  }
}

TEST(DatabaseUrl, a_password_from_elsewhere) {
  ::setenv("MILLRACE_TEST_PASSWORD", "of the environment", 1);
  EXPECT_EQ(parse_database_url("mysql://me@host/db?password_env=MILLRACE_TEST_PASSWORD").password,
            "of the environment");
  const std::string path =
      (std::filesystem::temp_directory_path() / ("millrace_pass_" + std::to_string(::getpid())))
          .string();
  std::ofstream(path) << "of a file\n";
  EXPECT_EQ(parse_database_url("mysql://me@host/db?password_file=" + path).password, "of a file");
  std::filesystem::remove(path);
}

TEST(DatabaseUrl, what_is_none_is_refused) {
  for (const char* url : {"", "shop.db", "sqlite:", "sqlite::memory:", "postgresql://host",
                          "mysql://[::1/db", "sqlite:a%zz", "sqlite:a%00"})
    EXPECT_THROW((void)parse_database_url(url), usage_error) << url;
}

}  // namespace
}  // namespace millrace::detail
