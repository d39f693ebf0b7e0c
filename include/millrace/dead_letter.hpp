// A record that was kept because nobody could take it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace millrace {

struct dead_letter {
  std::chrono::sys_time<std::chrono::microseconds> time{};                     ///< when it was kept
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> batch_time;  ///< where known
  std::string source;    ///< what it came from: "file csv /in"
  std::string position;  ///< where in there; may be empty
  std::string reason;
  std::string bytes;  ///< as it came

  bool operator==(const dead_letter&) const = default;
};

}  // namespace millrace
