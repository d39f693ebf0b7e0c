#include <cerrno>
#include <cstdio>
#include <cstring>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"
#include "millrace/sink.hpp"
#include "streaming/listening.hpp"

namespace millrace::detail {
namespace {

struct printing {
  std::int64_t rows;
};

void print_dataset(const void* function, const node_ptr& dataset, time_point_ms time) {
  const std::int64_t most = function_in<printing>(function).rows;
  const row_buffer rows = take_rows(dataset, most + 1);
  constexpr std::string_view rule = "-------------------------------------------\n";
  std::string text(rule);
  text += "Time: " + std::to_string(time.time_since_epoch().count()) + " ms\n";
  text += rule;
  for (std::size_t i = 0; i < rows.size() && i < static_cast<std::size_t>(most); ++i) {
    print_row(rows.type(), rows.row(i), text);
    text += '\n';
  }
  if (rows.size() > static_cast<std::size_t>(most)) text += "...\n";
  text += '\n';
  // Through C's stream, so that the order to what the program prints itself is kept.
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw error(std::string("could not print to the standard output: ") + std::strerror(errno));
  }
}

struct saving {
  std::string prefix;
  std::string suffix;
};

}  // namespace

void check_building(const stream_ptr& stream, std::string_view what) {
  stream->engine()->check_building(what);
}

void add_output(const stream_ptr& from, std::string_view operation, output_function f) {
  check_building(from, operation);
  from->engine()->graph().add_output(from, operation, std::move(f));
}

void print_stream(const stream_ptr& from, std::int64_t rows) {
  if (rows < 0) {
    throw usage_error("print: the number of rows must not be negative: " + std::to_string(rows));
  }
  add_output(from, "print", {keep_function(printing{rows}), print_dataset});
}

void save_stream_as_text(const stream_ptr& from, std::string prefix, std::string suffix) {
  add_output(from, "save_as_text_files",
             {keep_function(saving{std::move(prefix), std::move(suffix)}),
              [](const void* function, const node_ptr& dataset, time_point_ms time) {
                const auto& to = function_in<saving>(function);
                save_as_text(dataset, batch_path(to.prefix, to.suffix, time), true);
              }});
}

void save_stream_as_object(const stream_ptr& from, std::string prefix, std::string suffix) {
  add_output(from, "save_as_object_files",
             {keep_function(saving{std::move(prefix), std::move(suffix)}),
              [](const void* function, const node_ptr& dataset, time_point_ms time) {
                const auto& to = function_in<saving>(function);
                save_as_object(dataset, batch_path(to.prefix, to.suffix, time), true);
              }});
}

std::vector<node_ptr> slice_of(const stream_ptr& stream, time_point_ms from, time_point_ms to) {
  return stream->engine()->slice(*stream, from, to);
}

std::string application_of(const node_ptr& dataset) { return engine_of(*dataset).name(); }

bool somebody_listens(const node_ptr& dataset) { return engine_of(*dataset).events().wanted(); }

void tell_of_commit(const node_ptr& dataset, measurement m, time_point_ms batch,
                    std::chrono::nanoseconds took) {
  m.numbers.emplace_back("commit_us",
                         std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  publish_measured(engine_of(*dataset).events(), std::move(m), batch.time_since_epoch().count(),
                   -1);
}

std::string output_name(const stream_ptr& from) {
  const bool named = from->name() != from->operation();
  const std::string name = named ? from->name() : "write";
  // Stable as long as the outputs before it are: it must be the same when the program runs again.
  int same = 1;
  for (const auto& one : from->engine()->graph().outputs()) {
    if (one->operation != "write") continue;
    const bool other_named = one->from->name() != one->from->operation();
    if ((other_named ? one->from->name() : "write") == name) ++same;
  }
  return same == 1 ? name : name + "#" + std::to_string(same);
}

std::string batch_path(std::string_view prefix, std::string_view suffix, time_point_ms time) {
  std::string path(prefix);
  if (!prefix.empty()) path += '-';
  path += std::to_string(time.time_since_epoch().count());
  if (!suffix.empty()) {
    path += '.';
    path += suffix;
  }
  return path;
}

}  // namespace millrace::detail
