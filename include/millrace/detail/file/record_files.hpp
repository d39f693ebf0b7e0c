// Files of records, each read by one task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "millrace/bad_record.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/formats/row_text.hpp"
#include "millrace/detail/streaming/directory.hpp"
#include "millrace/detail/streaming/operations.hpp"

namespace millrace::detail {

struct record_format {
  std::string_view name;  // a literal: json, csv
  row_columns columns;
  missing_fields missing;
  extra_fields extra;
  on_bad_record bad_records;
  std::size_t most_bytes;  // of a record
  char delimiter = 0;      // csv
  bool header = false;
};

/// The records of one file from the first to the last, those that are no rows by the format's
/// policy. One thread, in a task.
class record_file {
 public:
  /// usage_error: it does not exist.
  record_file(const record_format& format, const std::string& path);
  ~record_file();
  record_file(const record_file&) = delete;
  record_file& operator=(const record_file&) = delete;

  /// A row that is the caller's to move from until the next call; null: there are no more.
  void* next();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The rows of the files whose paths the parent has.
template <class T>
stream_ptr record_stream(const stream_ptr& paths, record_format format) {
  const std::string_view name = format.name;
  static_assert(!holds_views_v<T>,
                "millrace: this row would view text of a record that is gone; use std::string "
                "fields.");
  narrow_step step =
      flat_map_step<std::string>([all = std::make_shared<const record_format>(std::move(format))](
                                     const std::string& path, emit<T>& out) {
        record_file file(*all, path);
        while (!out.enough()) {
          T* const row = static_cast<T*>(file.next());
          if (row == nullptr) return;
          out(std::move(*row));
        }
      });
  step.operation = name;
  return narrow_stream(paths, step);
}

}  // namespace millrace::detail
