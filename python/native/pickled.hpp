// Rows of the engine's own as Python reads them.
#pragma once

#include <string>
#include <string_view>

#include "millrace/detail/dataset/node.hpp"

namespace millrace::python {

/// A pickle of a list of rows: text as str, counted rows as tuples.
class pickle_of_rows {
 public:
  explicit pickle_of_rows(const detail::row_type& rows);
  void add(const detail::chunk& rows);
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return empty_; }
  /// Until the next `add`, with which another list begins.
  std::string_view finish();

 private:
  void begin();
  bool pairs_;
  bool empty_ = true;
  std::string bytes_;
};

/// The rows of a dataset of text or of counted rows, as frames.
detail::node_ptr pickled(const detail::node_ptr& dataset);

}  // namespace millrace::python
