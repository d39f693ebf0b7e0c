// The module `_millrace_sql`: tables and queries for Python's `millrace.sql`.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/sql/query_cells.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/sql.hpp"
#include "native/cells.hpp"
#include "native/dataset_object.hpp"
#include "native/frame.hpp"
#include "native/pickled.hpp"
#include "native/runner.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

/// Columns as Python declares them: names, and what they hold (cells.hpp).
struct columns {
  std::vector<std::string> names;
  std::string kinds;
};

struct table_sink {
  detail::table_output to;
  columns of;
  std::string operation;
};

detail::task_result write_partition(const void* self, int partition, int attempt,
                                    detail::partition_input& in) {
  const auto& [sink, batch] = *static_cast<const std::pair<const table_sink&, output_id>*>(self);
  output_id id = batch;
  id.partition = partition;
  id.attempt = attempt;
  detail::table_writer to(sink.to, id,
                          {sink.to.key.empty() ? "sql.insert" : "sql.upsert",
                           named_cells_of(sink.of.kinds), sink.of.names});
  while (in.pull()) {
    const char* row = static_cast<const char*>(in.rows());
    for (std::size_t i = 0; i < in.count(); ++i, row += in.row_size()) to.add(row);
  }
  to.finish();
  return {};
}

void write_batch(const void* function, const detail::node_ptr& dataset,
                 detail::time_point_ms time) {
  const auto& sink = detail::function_in<table_sink>(function);
  const std::pair<const table_sink&, output_id> self{
      sink, {detail::application_of(dataset), sink.operation, time, -1, 0}};
  detail::write_partitions(dataset, &self, write_partition);
}

/// `rows` are columns of `kinds`.
void write_table(const stream& rows, std::string url, std::string table,
                 std::vector<std::string> key, std::vector<std::string> names, std::string kinds,
                 std::string bookkeeping, std::int64_t retry_ms, std::size_t most_kept) {
  std::string operation = detail::output_name(rows.node);
  detail::add_output(
      rows.node, "write",
      {detail::keep_function(table_sink{
           {std::move(url), std::move(table), std::move(key), std::move(bookkeeping),
            std::chrono::milliseconds(retry_ms), most_kept, detail::new_sql_connections()},
           {std::move(names), std::move(kinds)},
           std::move(operation)}),
       write_batch});
}

detail::stream_ptr rows_of_columns(const stream& frames, const std::string& kinds) {
  return detail::derived_stream(
      {frames.node}, cells_of(kinds), "columns",
      {detail::keep_function(std::string(kinds)),
       [](const void* function, const detail::node_ptr* parents, detail::time_point_ms) {
         return rows_of_cells(parents[0], cells_of(detail::function_in<std::string>(function)));
       }},
      detail::missing_parent::gives_none);
}

// ---- queries

/// Tuples of the columns: text as it comes, numbers where they are asked for.
class query_cursor final : public detail::cursor {
 public:
  query_cursor(const std::string& url, const std::string& text, const std::string& kinds)
      : kinds_(kinds), cells_(url, text, real_ones(kinds)) {}

  detail::flow step(const detail::sink& to) override {
    constexpr std::size_t frame_bytes = 256 << 10;
    pickle_writer pickle;
    pickle.begin_list();
    bool any = false;
    while (more_ && pickle.size() < frame_bytes) {
      more_ = cells_.next();
      if (!more_) break;
      any = true;
      write_row(pickle);
    }
    if (any) {
      frame row{{0, 0}, pickle.end_list()};
      if (to({&row, 1, false}) == detail::flow::enough) return detail::flow::enough;
    }
    return more_ ? detail::flow::more : detail::flow::enough;
  }

 private:
  static std::vector<bool> real_ones(const std::string& kinds) {
    std::vector<bool> real;
    for (const char kind : kinds) real.push_back(kind == 'f');
    return real;
  }

  void write_row(pickle_writer& pickle) {
    pickle.mark();
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      if (cells_.is_null(i)) pickle.none();
      else if (kinds_[i] == 'f') pickle.real(cells_.real(i));
      else pickle.text(cells_.text(i));
    }
    pickle.tuple();
  }

  std::string kinds_;
  detail::query_cells cells_;
  bool more_ = true;
};

class query_node final : public detail::node {
 public:
  query_node(detail::context_ptr context, std::string url, std::string text, std::string kinds)
      : node({std::move(context), &detail::row_type_of<frame>(), "sql.query", 1, {}, {}, nullptr}),
        url_(std::move(url)),
        text_(std::move(text)),
        kinds_(std::move(kinds)) {}
  std::unique_ptr<detail::cursor> open(int, detail::task_context&) const override {
    return std::make_unique<query_cursor>(url_, text_, kinds_);
  }

 private:
  std::string url_;
  std::string text_;
  std::string kinds_;
};

}  // namespace

PYBIND11_MODULE(_millrace_sql, m) {
  m.doc() = "Databases for millrace.sql; not for programs.";
  py::module_::import("_millrace");  // its types
  m.def("columns", [](const stream& frames, const std::string& kinds) {
    return stream{rows_of_columns(frames, kinds)};
  });
  m.def("write", write_table);
  m.def("query", [](const runner& r, std::string url, std::string text, std::string kinds) {
    return dataset{
        std::make_shared<query_node>(r.core(), std::move(url), std::move(text), std::move(kinds))};
  });
  m.def(
      "execute",
      [](const std::string& url, const std::string& statement) { sql::execute(url, statement); },
      py::call_guard<py::gil_scoped_release>());
}

}  // namespace millrace::python
