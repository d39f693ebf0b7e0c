// Rows of the engine's own as Python reads them.
#pragma once

#include <string_view>

#include "millrace/detail/dataset/node.hpp"
#include "pickle_writer.hpp"

namespace millrace::python {

/// Writes the values of rows that lie side by side. Any thread.
using row_pickler = void (*)(const void* facts, const void* rows, std::uint32_t count,
                             pickle_writer& to);
template <class T, void (*write)(const T& row, pickle_writer& to)>
void pickle_each(const void*, const void* rows, std::uint32_t count, pickle_writer& to) {
  for (const T *row = static_cast<const T*>(rows), *const end = row + count; row != end; ++row)
    write(*row, to);
}

/// How rows become Python's: text as str or bytes, counted rows as tuples, others as a connector
/// says.
struct pickling {
  row_pickler write;
  const void* facts = nullptr;  // lives as long as the process
  void (*begin)(pickle_writer& to) = [](pickle_writer& to) { to.begin_list(); };
};
/// Of text, as str, and of counted rows.
pickling pickling_of(const detail::row_type& rows);
pickling as_bytes();

/// The rows of a dataset as frames.
detail::node_ptr pickled(const detail::node_ptr& dataset, const pickling& how);
/// As one pickle.
class pickle_of_rows {
 public:
  explicit pickle_of_rows(const pickling& how) : how_(how) {}
  void add(const detail::chunk& rows);
  std::size_t size() const { return empty_ ? 0 : to_.size(); }
  bool empty() const { return empty_; }
  /// Until the next `add`, with which another list begins.
  std::string_view finish();

 private:
  pickling how_;
  pickle_writer to_;
  bool empty_ = true;
};

}  // namespace millrace::python
