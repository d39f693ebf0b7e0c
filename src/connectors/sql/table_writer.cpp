// A partition's transaction, and when it is run again.
#include "millrace/detail/sql/table_writer.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <unordered_set>

#include "connectors/sql/connections.hpp"
#include "connectors/sql/statements.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/detail/formats/cells.hpp"

namespace millrace::detail {
namespace {

/// Of one statement. SQLite has no round trip that would be saved, and looks for the name of each
/// value among all of them.
constexpr std::size_t most_values_of(database kind) { return kind == database::sqlite ? 50 : 1000; }
constexpr std::size_t longest_name = 255;  // of the bookkeeping table's columns
constexpr std::chrono::milliseconds first_pause{20};
constexpr std::chrono::milliseconds longest_pause{5000};

/// A value as text; SQLite keeps the type of what is bound, so that it gets numbers as numbers.
struct cell {
  enum class kind : unsigned char { text, integer, real } what = kind::text;
  soci::indicator indicator = soci::i_ok;
  std::string text{};
  long long integer = 0;
  double real = 0;
};

const row_type& value_type(const named_row& row) {
  return row.type->kind == row_kind::optional ? *row.parts[0]->type : *row.type;
}

/// Names the value at the front of a message.
[[noreturn]] void refuse(const row_columns::column& column, const char* why) {
  throw error("SQL: " + std::string(why) + ", in column \"" + column.name + "\"");
}

cell cell_of(database kind, const row_columns::column& column, const void* row) {
  cell c;
  if (!print_cell(column, row, c.text)) {
    c.indicator = soci::i_null;
    return c;
  }
  const row_type& type = value_type(*column.row);
  if (type.kind == row_kind::boolean) c.text.assign(1, c.text == "true" ? '1' : '0');
  if (type.kind == row_kind::time && type.time->point && kind == database::mysql) {
    // Its DATETIME knows neither the T nor the Z.
    std::replace(c.text.begin(), c.text.end(), 'T', ' ');
    if (c.text.ends_with('Z')) c.text.pop_back();
  }
  if (c.text.find('\0') != std::string::npos) refuse(column, "text holds a zero byte");
  if (kind != database::sqlite) return c;
  const char* const end = c.text.data() + c.text.size();
  if (type.kind == row_kind::boolean || type.kind == row_kind::integer) {
    c.what = cell::kind::integer;
    if (std::from_chars(c.text.data(), end, c.integer).ec != std::errc{})
      refuse(column, "SQLite has no integers that large");
  } else if (type.kind == row_kind::floating) {
    c.what = cell::kind::real;
    (void)std::from_chars(c.text.data(), end, c.real);
  }
  return c;
}

using chunk_cells = std::vector<cell>;

}  // namespace

class table_writer::transaction {
 public:
  transaction(table_output to, const output_id& id, const row_columns& columns)
      : to_(std::move(to)), id_(id), columns_(columns), url_(parse_database_url(to_.url)) {
    if (to_.connections == nullptr) throw std::bad_alloc();
    if (to_.table.empty()) throw usage_error("SQL: the table is missing");
    statement_.table = to_.table;
    statement_.key = to_.key;
    for (const row_columns::column& c : columns_) statement_.columns.push_back(c.name);
    for (const std::string& name : statement_.key) {
      const std::size_t at = columns_.find(name, 0);
      if (at == columns_.size())
        throw usage_error("SQL: the key's column is none of the row's: " + name);
      key_.push_back(at);
    }
    if (id.application.size() > longest_name || id.operation.size() > longest_name)
      throw usage_error("SQL: the names of the application and the operation may have 255 bytes");
    rows_each_ = std::max<std::size_t>(1, most_values_of(url_.kind) / columns_.size());
    // So that a mistake is told before anything was sent.
    (void)write_rows(url_.kind, statement_, 1);
    (void)create_bookkeeping(url_.kind, to_.bookkeeping);
  }

  ~transaction() {
    if (session_ == nullptr) return;
    try {
      session_->execute("ROLLBACK");
      to_.connections->give_back(std::move(session_));
    } catch (const error& e) {
      // Closing the connection rolls back too.
      log_debug(e.what());
    }
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  void add(const void* row) {
    if (written_before_) return;
    std::string key;
    for (const std::size_t at : key_) {
      // With its length in front, so that no two keys look alike.
      std::string part;
      key += print_cell(columns_[at], row, part) ? std::to_string(part.size()) + ":" : "null:";
      key += part;
    }
    // One statement can't change a row twice.
    if (!key_.empty() && !keys_.insert(key).second) {
      close_chunk();
      keys_.insert(std::move(key));
    }
    if (chunks_.empty() || closed_) {
      chunks_.emplace_back();
      closed_ = false;
    }
    for (const row_columns::column& c : columns_) {
      chunks_.back().push_back(cell_of(url_.kind, c, row));
      kept_bytes_ += sizeof(cell) + chunks_.back().back().text.size();
    }
    if (kept_bytes_ > to_.most_kept)
      throw error(
          "SQL: a partition has more rows than are kept for running its transaction again; "
          "make more partitions, or set most_kept higher, bytes: " +
          std::to_string(to_.most_kept));
    if (chunks_.back().size() == rows_each_ * columns_.size()) close_chunk();
  }

  void finish() {
    if (chunks_.empty() || written_before_) return;
    closed_ = true;
    persist(true);
  }

 private:
  void close_chunk() {
    closed_ = true;
    keys_.clear();
    persist(false);
  }

  /// Sends what was not sent yet, and commits if it is all; what fails in passing begins anew.
  void persist(bool all) {
    const auto give_up = std::chrono::steady_clock::now() + to_.retry_for;
    std::chrono::milliseconds pause = first_pause;
    for (;;) {
      try {
        if (session_ == nullptr && !begin()) return;
        for (; sent_ < chunks_.size(); ++sent_) send(chunks_[sent_]);
        if (!all) return;
        session_->execute("COMMIT");
        to_.connections->give_back(std::move(session_));
        return;
      } catch (const sql_failure& failure) {
        // Its state is not known: a new one begins anew, and finds out.
        session_ = nullptr;
        sent_ = 0;
        // The bookkeeping table, or our row in it, came in between.
        const bool ours = marking_ && failure.what_it_means() == sql_failure::meaning::duplicate;
        const bool passing = failure.what_it_means() == sql_failure::meaning::passing || ours;
        if (!passing || std::chrono::steady_clock::now() + pause > give_up) throw;
        log_warn("a transaction is run again: " + std::string(failure.what()));
        std::this_thread::sleep_for(pause / 2 + pause * (random_() % 512) / 1024);
        pause = std::min(pause * 2, longest_pause);
      }
    }
  }

  /// False: another run has written it.
  bool begin() {
    std::unique_ptr<sql_session> session = to_.connections->take(url_);
    marking_ = true;
    to_.connections->make_once(url_, to_.bookkeeping, [&] {
      session->execute(create_bookkeeping(url_.kind, to_.bookkeeping));
    });
    // SQLite: a lock that is taken later can't be waited for.
    session->execute(url_.kind == database::sqlite ? "BEGIN IMMEDIATE" : "BEGIN");
    long long batch = id_.batch.time_since_epoch().count();
    int found = 0;
    session->run("looking for the batch", [&](soci::session& s) {
      s.once << find_written(url_.kind, to_.bookkeeping), soci::use(id_.application, "application"),
          soci::use(id_.operation, "operation"), soci::use(batch, "batch"),
          soci::use(id_.partition, "partition"), soci::into(found);
    });
    if (found != 0) {
      session->execute("ROLLBACK");
      to_.connections->give_back(std::move(session));
      written_before_ = true;
      chunks_.clear();
      return false;
    }
    session->run("writing down the batch", [&](soci::session& s) {
      s.once << add_written(url_.kind, to_.bookkeeping), soci::use(id_.application, "application"),
          soci::use(id_.operation, "operation"), soci::use(batch, "batch"),
          soci::use(id_.partition, "partition");
    });
    marking_ = false;
    session_ = std::move(session);
    return true;
  }

  void send(chunk_cells& cells) {
    session_->run("writing rows", [&](soci::session& s) {
      soci::statement statement(s);
      for (cell& c : cells) {
        if (c.what == cell::kind::text || c.indicator == soci::i_null)
          statement.exchange(soci::use(c.text, c.indicator));
        else if (c.what == cell::kind::integer) statement.exchange(soci::use(c.integer));
        else statement.exchange(soci::use(c.real));
      }
      statement.alloc();
      statement.prepare(write_rows(url_.kind, statement_, cells.size() / columns_.size()));
      statement.define_and_bind();
      statement.execute(true);
    });
  }

  table_output to_;
  output_id id_;
  row_columns columns_;
  database_url url_;
  table_statement statement_;
  std::vector<std::size_t> key_;  // columns
  std::size_t rows_each_ = 1;     // of a chunk

  std::vector<chunk_cells> chunks_;  // all of the transaction's
  bool closed_ = false;              // the last of them is whole
  std::size_t sent_ = 0;
  std::size_t kept_bytes_ = 0;
  std::unordered_set<std::string> keys_;  // of the last chunk

  std::unique_ptr<sql_session> session_;  // with the transaction open
  bool marking_ = false;                  // the bookkeeping is at work
  bool written_before_ = false;
  std::minstd_rand random_{static_cast<unsigned>(id_.partition + 1)};
};

table_writer::table_writer(table_output to, const output_id& id, const row_columns& columns)
    : transaction_(new transaction(std::move(to), id, columns)) {}
table_writer::~table_writer() = default;
void table_writer::add(const void* row) { transaction_->add(row); }
void table_writer::finish() { transaction_->finish(); }

void execute_sql(const std::string& url, const std::string& statement) {
  sql_session(parse_database_url(url)).execute(statement);
}

}  // namespace millrace::detail
