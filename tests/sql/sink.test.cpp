// Rows into tables, once: SQLite, PostgreSQL, MariaDB.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/sql.hpp"
#include "millrace/testing.hpp"
#include "servers.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::proxy;
using test::server;
using testing::stream_fixture;
using counts = std::vector<std::pair<std::string, std::int64_t>>;

/// One of a kind for all tests: a server takes seconds to make.
server& shared_server(server::kind kind) {
  static std::map<server::kind, std::unique_ptr<server>> all;
  std::unique_ptr<server>& one = all[kind];
  if (one == nullptr) one = std::make_unique<server>(kind);
  return *one;
}

enum class database { sqlite, postgresql, mariadb };
std::string name_of(database d) {
  return d == database::sqlite ? "sqlite" : d == database::postgresql ? "postgresql" : "mariadb";
}

class SqlSinkBase : public ::testing::Test {
 protected:
  SqlSinkBase() { detail::set_log_level(detail::log_level::off); }
  ~SqlSinkBase() override { detail::set_log_level(detail::log_level::warn); }

  static counts read(const std::string& url, const std::string& query) {
    context sc{{.master = "local[1]"}};
    return sql::query<std::pair<std::string, std::int64_t>>(sc, url, query).collect().to_vector();
  }
  template <class T, class Sink>
  static void write(const Sink& sink, const std::vector<std::vector<T>>& batches,
                    const std::string& name = "app") {
    stream_fixture s{{.name = name, .master = "local[2]", .batch = 1s}};
    auto rows = s.input<T>();
    rows.write(sink);
    s.feed(rows, batches);
    s.run();
  }
  template <class T, class Sink>
  static std::string failure(const Sink& sink, const std::vector<T>& rows) {
    try {
      write<T>(sink, {rows});
    } catch (const stream_error& e) {
      return describe(e);
    }
    return "it was taken";
  }
};

class SqlSink : public SqlSinkBase, public ::testing::WithParamInterface<database> {
 protected:
  SqlSink() {
    if (GetParam() == database::sqlite) {
      url = "sqlite:" + (directory.path() / "test.db").string();
    } else {
      url = shared_server(GetParam() == database::postgresql ? server::kind::postgresql
                                                             : server::kind::mariadb)
                .url();
      for (const char* table : {"totals", "kinds", "millrace_batches", "odd", "millrace_odd"})
        sql::execute(url, std::string("DROP TABLE IF EXISTS ") + table);
    }
    sql::execute(url, "CREATE TABLE totals (word VARCHAR(100) PRIMARY KEY, n BIGINT)");
  }
  counts totals() const { return read(url, "SELECT word, n FROM totals ORDER BY word"); }

  test::scratch directory;
  std::string url;
};

INSTANTIATE_TEST_SUITE_P(Databases, SqlSink,
                         ::testing::Values(database::sqlite, database::postgresql,
                                           database::mariadb),
                         [](const auto& one) { return name_of(one.param); });

struct total {
  std::string word;
  std::int64_t n = 0;
};

TEST_P(SqlSink, rows_are_inserted_and_a_batch_that_runs_again_is_left_out) {
  const sql::insert sink{.url = url, .table = "totals"};
  write<total>(sink, {{{"a", 1}, {"b", 2}}, {}, {{"c", 3}}});
  EXPECT_EQ(totals(), (counts{{"a", 1}, {"b", 2}, {"c", 3}}));
  // The same again, with other rows to see it by, and one batch more.
  write<total>(sink, {{{"x", 1}, {"y", 2}}, {}, {{"z", 3}}, {{"d", 4}}});
  EXPECT_EQ(totals(), (counts{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}}));
  EXPECT_EQ(read(url, "SELECT operation, COUNT(*) FROM millrace_batches GROUP BY operation"),
            (counts{{"write", 4}}));
}

TEST_P(SqlSink, rows_take_the_place_of_those_with_their_key) {
  using row = std::pair<std::string, std::int64_t>;
  const sql::upsert sink{.url = url, .table = "totals", .key = {"word"}, .columns = {"word", "n"}};
  write<row>(sink, {{{"a", 1}, {"b", 2}}, {{"a", 3}, {"c", 4}}});
  EXPECT_EQ(totals(), (counts{{"a", 3}, {"b", 2}, {"c", 4}}));
}

TEST_P(SqlSink, of_several_rows_with_one_key_the_last_one_counts) {
  std::vector<total> rows;
  for (int i = 0; i < 3000; ++i) rows.push_back({"w" + std::to_string(i % 7), i});
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto input = s.input<total>();
  input.write(sql::upsert{.url = url, .table = "totals", .key = "word"});
  s.feed(input, {rows});
  s.run();
  counts expected;
  for (int i = 0; i < 7; ++i) expected.emplace_back("w" + std::to_string(i), 0);
  for (auto& [word, n] : expected)
    for (n = 2999; n % 7 != word[1] - '0';) --n;
  EXPECT_EQ(totals(), expected);
}

TEST_P(SqlSink, many_rows_and_partitions) {
  std::vector<total> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back({"w" + std::to_string(i), i});
  stream_fixture s{{.name = "app", .master = "local[4]", .batch = 1s}};
  auto input = s.input<total>();
  input.repartition(8).write(sql::insert{.url = url, .table = "totals"});
  s.feed(input, {rows, {}});
  s.run();
  EXPECT_EQ(read(url, "SELECT 'n', COUNT(DISTINCT word) FROM totals"), (counts{{"n", 5000}}));
  EXPECT_EQ(read(url, "SELECT 'p', COUNT(*) FROM millrace_batches"), (counts{{"p", 8}}));
}

struct every_kind {
  std::int32_t id = 0;
  std::optional<std::string> text;
  double wide = 0;
  float narrow = 0;
  bool flag = false;
  std::optional<std::int64_t> whole;
  std::chrono::sys_time<std::chrono::milliseconds> at{};
  std::vector<int> list;
  std::optional<double> none;
  bool operator==(const every_kind&) const = default;
};

TEST_P(SqlSink, values_of_every_kind_come_back) {
  const std::string flag = GetParam() == database::postgresql ? "BOOLEAN" : "TINYINT";
  const std::string time = GetParam() == database::mariadb      ? "DATETIME(3)"
                           : GetParam() == database::postgresql ? "TIMESTAMPTZ"
                                                                : "TEXT";
  sql::execute(url,
               "CREATE TABLE kinds (id INT, text TEXT, wide DOUBLE PRECISION, narrow REAL, flag " +
                   flag + ", whole BIGINT, at " + time + ", list TEXT, none DOUBLE PRECISION)");
  const auto noon = std::chrono::sys_days{std::chrono::year{2024} / 5 / 1} + 12h + 250ms;
  const std::vector<every_kind> rows{{1, "x", 0.1, 2.5F, true, INT64_MAX, noon, {1, 2}, {}},
                                     {-2, {}, -1e300, -0.5F, false, {}, noon - 24h, {}, 1.0 / 3},
                                     {3, "", 5e-324, 0, true, INT64_MIN, noon, {7}, 0.0}};
  write<every_kind>(sql::insert{.url = url, .table = "kinds"}, {rows});
  context sc{{.master = "local[1]"}};
  const std::string columns = "id, text, wide, narrow, flag, whole, at, list, none";
  EXPECT_EQ(sql::query<every_kind>(sc, url, "SELECT " + columns + " FROM kinds ORDER BY id * id")
                .collect()
                .to_vector(),
            rows);
}

TEST_P(SqlSink, hostile_values_and_names_are_only_that) {
  const std::string quote = GetParam() == database::mariadb ? "`" : "\"";
  const std::string name = quote + "a" + quote + quote + "; DROP TABLE totals --" + quote;
  sql::execute(url, "CREATE TABLE odd (" + name + " VARCHAR(200), n BIGINT)");
  const std::string value = "'); DROP TABLE totals; -- \\' \" ` :v0 $1 ? %s \n\xc3\xa9";
  write<total>(sql::insert{.url = url,
                           .table = "odd",
                           .columns = {"a" + quote + "; DROP TABLE totals --", "n"},
                           .bookkeeping = "millrace_odd"},
               {{{value, 1}}}, "app'; DROP TABLE totals --");
  EXPECT_EQ(read(url, "SELECT " + name + ", n FROM odd"), (counts{{value, 1}}));
  EXPECT_EQ(totals(), counts{});
  const std::string zero =
      failure<total>(sql::insert{.url = url, .table = "totals"}, {{std::string("a\0b", 3), 1}});
  EXPECT_NE(zero.find("zero byte, in column \"word\""), std::string::npos) << zero;
}

TEST_P(SqlSink, what_the_database_refuses_fails_the_batch_and_leaves_nothing_of_the_partition) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto input = s.input<total>();
  input.write(sql::insert{.url = url, .table = "totals"});
  std::vector<total> rows;
  for (int i = 0; i < 2000; ++i) rows.push_back({"w" + std::to_string(i), i});
  rows.push_back({"w0", 0});
  s.feed(input, {rows});
  EXPECT_THROW(s.run(), stream_error);
  EXPECT_EQ(totals(), counts{});
  EXPECT_EQ(read(url, "SELECT 'p', COUNT(*) FROM millrace_batches"), (counts{{"p", 0}}));
  const std::string text = failure<total>(sql::insert{.url = url, .table = "nowhere"}, {{"a", 1}});
  EXPECT_NE(text.find("nowhere"), std::string::npos) << text;
}

TEST_P(SqlSink, a_query_says_what_does_not_fit) {
  write<total>(sql::insert{.url = url, .table = "totals"}, {{{"a", 1}}});
  context sc{{.master = "local[1]"}};
  const auto refusal = [](const auto& dataset) {
    try {
      (void)dataset.collect();
    } catch (const error& e) {
      return describe(e);
    }
    return std::string("it was taken");
  };
  EXPECT_NE(refusal(sql::query<std::tuple<int, int>>(sc, url, "SELECT word, n FROM totals"))
                .find("no integer: a, in row 1"),
            std::string::npos);
  EXPECT_NE(refusal(sql::query<int>(sc, url, "SELECT word, n FROM totals")).find("2, not 1"),
            std::string::npos);
  EXPECT_NE(refusal(sql::query<int>(sc, url, "SELECT NULL FROM totals")).find("NULL"),
            std::string::npos);
  EXPECT_EQ(sql::query<std::optional<int>>(sc, url, "SELECT NULL FROM totals").collect()[0],
            std::nullopt);
  EXPECT_EQ(sql::query<int>(sc, url, "SELECT n FROM totals WHERE n > 5").count(), 0);
  EXPECT_NE(refusal(sql::query<int>(sc, url, "SELEKT 1")).find("SQL"), std::string::npos);
}

/// Batches of (word, 1) added up and upserted; the process ends itself at the `kill_at`th row.
void write_totals(const std::string& url, int kill_at) {
  auto at = std::make_shared<std::atomic<int>>(0);
  stream_fixture s{{.name = "killed", .master = "local[1]", .batch = 1s}};
  auto words = s.input<total>();
  words
      .map([at, kill_at](const total& t) {
        if (++*at == kill_at) (void)::kill(::getpid(), SIGKILL);
        return t;
      })
      .repartition(2)
      .write(sql::insert{.url = url, .table = "totals"});
  s.feed(words, {{{"a", 1}, {"b", 2}}, {{"c", 3}, {"d", 4}}, {{"e", 5}, {"f", 6}}});
  s.run();
}

TEST_P(SqlSink, killed_anywhere_and_run_again_it_has_every_row_once) {
  for (int kill_at = 1; kill_at <= 7; ++kill_at) {
    sql::execute(url, "DELETE FROM totals");
    if (kill_at > 1) sql::execute(url, "DELETE FROM millrace_batches");
    const ::pid_t child = ::fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
      write_totals(url, kill_at);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WIFSIGNALED(status), kill_at <= 6) << kill_at;
    write_totals(url, 0);
    EXPECT_EQ(totals(), (counts{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}}));
  }
}

class SqlFaults : public SqlSink {};
INSTANTIATE_TEST_SUITE_P(Databases, SqlFaults,
                         ::testing::Values(database::postgresql, database::mariadb),
                         [](const auto& one) { return name_of(one.param); });

TEST_P(SqlFaults, a_commit_whose_answer_is_lost_is_looked_up) {
  server& real = shared_server(GetParam() == database::postgresql ? server::kind::postgresql
                                                                  : server::kind::mariadb);
  proxy between(real.port());
  const sql::insert sink{.url = real.url(between.port()), .table = "totals"};
  between.arm(proxy::cut::after_commit);
  write<total>(sink, {{{"a", 1}}});
  EXPECT_EQ(between.cuts(), 1);
  EXPECT_EQ(totals(), (counts{{"a", 1}}));
  between.arm(proxy::cut::before_commit, 3);
  write<total>(sink, {{{"x", 0}}, {{"b", 2}}});
  EXPECT_EQ(between.cuts(), 4);
  EXPECT_EQ(totals(), (counts{{"a", 1}, {"b", 2}}));
}

TEST_P(SqlFaults, a_deadlock_or_a_serialisation_failure_is_run_again) {
  // Triggers that fail the first times, which they count outside of transactions.
  if (GetParam() == database::postgresql) {
    sql::execute(url, "DROP SEQUENCE IF EXISTS tries");
    sql::execute(url, "CREATE SEQUENCE tries");
    sql::execute(url,
                 "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
                 "DECLARE n BIGINT = nextval('tries'); BEGIN "
                 "IF n = 1 THEN RAISE EXCEPTION 'planted' USING ERRCODE = '40P01'; END IF; "
                 "IF n = 2 THEN RAISE EXCEPTION 'planted' USING ERRCODE = '40001'; END IF; "
                 "IF n = 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
                 "RETURN NEW; END $$");
    sql::execute(url,
                 "CREATE TRIGGER refuse BEFORE INSERT ON totals FOR EACH ROW EXECUTE "
                 "FUNCTION refuse()");
  } else {
    sql::execute(url, "CREATE OR REPLACE TABLE odd (n INT) ENGINE=Aria TRANSACTIONAL=0");
    sql::execute(url, "INSERT INTO odd VALUES (0)");
    sql::execute(url,
                 "CREATE TRIGGER refuse BEFORE INSERT ON totals FOR EACH ROW BEGIN "
                 "UPDATE odd SET n = n + 1; "
                 "IF (SELECT n FROM odd) = 1 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; "
                 "END IF; "
                 "IF (SELECT n FROM odd) = 2 THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205; "
                 "END IF; END");
  }
  write<total>(sql::insert{.url = url, .table = "totals"}, {{{"a", 1}}});
  EXPECT_EQ(totals(), (counts{{"a", 1}}));
}

TEST_P(SqlFaults, a_server_that_dies_and_comes_back_is_waited_for) {
  server& real = shared_server(GetParam() == database::postgresql ? server::kind::postgresql
                                                                  : server::kind::mariadb);
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto input = s.input<total>();
  input.write(sql::insert{.url = url, .table = "totals"});
  s.feed(input, {{{"a", 1}}});
  s.run();
  real.kill();
  std::thread starting([&] { real.start(); });
  s.feed(input, {{{"b", 2}}});
  s.run();
  starting.join();
  EXPECT_EQ(totals(), (counts{{"a", 1}, {"b", 2}}));
}

TEST_P(SqlFaults, a_wrong_password_is_told_at_once_and_not_shown) {
  std::string wrong = url;
  wrong.replace(wrong.find("a%20'hard'"), 10, "canary");
  const std::string text = failure<total>(sql::insert{.url = wrong, .table = "totals"}, {{"a", 1}});
  EXPECT_EQ(text.find("canary"), std::string::npos) << text;
  EXPECT_NE(text.find("millrace@127.0.0.1"), std::string::npos) << text;
}

class SqlSinkOfFiles : public SqlSinkBase {
 protected:
  test::scratch directory;
  std::string url = "sqlite:" + (directory.path() / "test.db").string();
};

TEST_F(SqlSinkOfFiles, what_it_cannot_do_is_told) {
  sql::execute(url, "CREATE TABLE totals (word TEXT PRIMARY KEY, n BIGINT)");
  const std::vector<total> rows{{"a", 1}};
  const auto contains = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(failure<total>(sql::insert{.url = "nothing", .table = "totals"}, rows), "scheme");
  contains(failure<total>(sql::insert{.url = url}, rows), "the table is missing");
  contains(failure<total>(sql::upsert{.url = url, .table = "totals"}, rows), "key");
  contains(failure<total>(sql::upsert{.url = url, .table = "totals", .key = {"x"}}, rows), "x");
  contains(failure<total>(sql::insert{.url = url, .table = "totals", .columns = {"x"}}, rows),
           "2 fields");
  contains(failure<total>(sql::insert{.url = url, .table = "totals", .most_kept = 10}, rows),
           "most_kept");
  using large = std::pair<std::string, std::uint64_t>;
  contains(failure<large>(sql::insert{.url = url, .table = "totals", .columns = {"word", "n"}},
                          {{"a", UINT64_MAX}}),
           "no integers that large");
  contains(failure<total>(sql::insert{.url = "sqlite:/nowhere/x.db", .table = "totals"}, rows),
           "/nowhere/x.db");
}

}  // namespace
}  // namespace millrace
