#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

namespace millrace {

/// What the library throws. The text says what happened, where, and what to do about it, with
/// run-time values last. A cause is nested (`std::nested_exception`); `describe` shows it all.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~error() override;
};

/// The program's mistake: an impossible argument, an unknown setting, a path that does not exist,
/// a connector that is not linked. Running it again will not help.
class usage_error : public error {
 public:
  using error::error;
  ~usage_error() override;
};

/// A task failed after its last attempt. Thrown with `std::throw_with_nested` where the user's
/// function threw, so that the user's exception is nested.
class job_error : public error {
 public:
  /// Where the task was; -1 and empty: unknown.
  struct place {
    int stage = -1;
    int partition = -1;
    int attempt = -1;       ///< from 0
    std::int64_t row = -1;  ///< position within the partition, from 0
    std::string operation{};
  };

  job_error(const std::string& text, place where);
  ~job_error() override;

  [[nodiscard]] int stage() const { return where_.stage; }
  [[nodiscard]] int partition() const { return where_.partition; }
  [[nodiscard]] int attempt() const { return where_.attempt; }
  [[nodiscard]] std::int64_t row() const { return where_.row; }
  [[nodiscard]] const std::string& operation() const { return where_.operation; }

 private:
  place where_;
};

/// A batch failed, and the stream with it. Nests the job's error.
class stream_error : public error {
 public:
  using time_type = std::chrono::sys_time<std::chrono::milliseconds>;

  stream_error(const std::string& text, time_type batch_time, std::string operation);
  ~stream_error() override;

  [[nodiscard]] time_type batch_time() const { return batch_time_; }
  [[nodiscard]] const std::string& operation() const { return operation_; }

 private:
  time_type batch_time_;
  std::string operation_;
};

/// The messages of `failure` and of what is nested in it, outermost first, joined by ": ". A
/// message that is already part of what stands before it is not repeated. What is no
/// `std::exception` is shown by the name of its type.
[[nodiscard]] std::string describe(const std::exception& failure);
[[nodiscard]] std::string describe(const std::exception_ptr& failure);

}  // namespace millrace
