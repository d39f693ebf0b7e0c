// Receivers that a Python program wrote.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "millrace/receiver.hpp"
#include "python_stream.hpp"

namespace millrace::python {

/// Where the program's receiver stores rows, once `begin` was called with it.
class stored_rows {
 public:
  explicit stored_rows(const detail::receiver_base& of) : of_(&of) {}

  /// A frame each. `together`: a block of their own, which is on the disk when this returns, where
  /// there is a write-ahead log. Waits while there is no room; False: they were not taken.
  bool store(const std::vector<pybind11::bytes>& frames, bool together) const;
  void report(const std::string& text) const { of_->report_error(text); }
  void restart(const std::string& text, double seconds) const;

 private:
  const detail::receiver_base* of_;  // lives as long as the stream, and is told of its end before
};

/// Calls `of.begin(StoredRows)` and `of.end()`, on a thread of its own.
std::shared_ptr<detail::receiver_base> python_receiver(std::string name, held_object of);

}  // namespace millrace::python
