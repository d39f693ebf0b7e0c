#include "millrace/detail/storage/file_system.hpp"

#include <cerrno>

#include "millrace/error.hpp"

namespace millrace::detail {

input_file::~input_file() = default;
output_file::~output_file() = default;
file_lock::~file_lock() = default;
file_system::~file_system() = default;

bool is_full_disk(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const full_disk&) {
    return true;
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr() != nullptr && is_full_disk(outer.nested_ptr());
  } catch (...) {
    return false;
  }
}

void throw_system_error(const std::string& text, int number) {
  if (number == ENOSPC || number == EDQUOT) throw full_disk(text);
  throw error(text);
}

namespace {

/// "hdfs" of "hdfs://host/path", "file" of "file:/path"; empty where there is none.
std::string_view scheme_of(std::string_view path) {
  const auto colon = path.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view scheme = path.substr(0, colon);
  if (scheme == "file" || path.substr(colon).starts_with("://")) return scheme;
  return {};
}

}  // namespace

file_system& file_system_for(std::string_view path) {
  const std::string_view scheme = scheme_of(path);
  if (scheme.empty() || scheme == "file") return local_file_system();

  const auto refuse = [&](std::string_view target) {
    throw usage_error{"this file system is not part of the program; link the CMake target " +
                      std::string{target} + ": \"" + std::string{path} + "\""};
  };
  if (scheme == "hdfs" || scheme == "webhdfs") refuse("millrace::hdfs");
  if (scheme == "s3" || scheme == "s3a" || scheme == "s3n") refuse("millrace::s3");
  throw usage_error{"there is no file system \"" + std::string{scheme} +
                    "\"; there are file, hdfs, webhdfs and s3: \"" + std::string{path} + "\""};
}

}  // namespace millrace::detail
