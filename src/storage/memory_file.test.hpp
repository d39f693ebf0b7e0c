// Files in memory, for tests that damage them.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

class memory_input final : public input_file {
 public:
  explicit memory_input(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t got = std::min(count, bytes_.size() - static_cast<std::size_t>(offset));
    if (got != 0) std::memcpy(to, bytes_.data() + offset, got);
    return got;
  }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::string bytes_;
  std::string path_ = "memory";
};

class memory_output final : public output_file {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  void sync() override {}
  void close() override {}

  std::string text;
};

}  // namespace millrace::detail
