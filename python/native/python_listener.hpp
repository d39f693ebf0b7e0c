// Tells a Python object of a stream's events.
#pragma once

#include "millrace/streaming_listener.hpp"
#include "python_stream.hpp"

namespace millrace::python {

/// Calls `listener.tell(what, info)`, info being a dict; times in milliseconds.
class python_listener final : public streaming_listener {
 public:
  explicit python_listener(held_object listener) : listener_(std::move(listener)) {}

  void streaming_started(const streaming_started_info& info) override;
  void receiver_started(const receiver_info& info) override;
  void receiver_error(const receiver_info& info) override;
  void receiver_stopped(const receiver_info& info) override;
  void batch_submitted(const batch_info& info) override;
  void batch_started(const batch_info& info) override;
  void batch_completed(const batch_info& info) override;
  void output_operation_started(const output_operation_info& info) override;
  void output_operation_completed(const output_operation_info& info) override;

 private:
  held_object listener_;
};

}  // namespace millrace::python
