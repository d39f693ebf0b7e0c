#include "millrace/error.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <utility>

namespace millrace {

error::~error() = default;
usage_error::~usage_error() = default;

job_error::job_error(const std::string& text, place where)
    : error{text}, where_{std::move(where)} {}
job_error::~job_error() = default;

stream_error::stream_error(const std::string& text, time_type batch_time, std::string operation)
    : error{text}, batch_time_{batch_time}, operation_{std::move(operation)} {}
stream_error::~stream_error() = default;

namespace {

/// REQUIRES: inside of a catch block.
std::string name_of_caught_type() {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "a foreign exception";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name{
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free};
  return std::string{"an exception of type "} + (name ? name.get() : type->name());
}

void append(std::string& all, const std::string& message) {
  if (message.empty() || all.find(message) != std::string::npos) return;
  if (!all.empty()) all += ": ";
  all += message;
}

void append_nested(std::string& all, const std::exception& failure) {
  const auto* const nest = dynamic_cast<const std::nested_exception*>(&failure);
  if (nest == nullptr || nest->nested_ptr() == nullptr) return;
  try {
    nest->rethrow_nested();
  } catch (const std::exception& inner) {
    append(all, inner.what());
    append_nested(all, inner);
  } catch (...) {
    append(all, name_of_caught_type());
  }
}

}  // namespace

std::string describe(const std::exception& failure) {
  std::string all = failure.what();
  append_nested(all, failure);
  return all;
}

std::string describe(const std::exception_ptr& failure) {
  if (!failure) return {};
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& caught) {
    return describe(caught);
  } catch (...) {
    return name_of_caught_type();
  }
}

}  // namespace millrace
