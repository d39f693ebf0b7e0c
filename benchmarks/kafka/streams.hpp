// Kafka Streams beside us: a process of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace bench {

struct kafka_streams_options {
  bool exactly_once = false;
  std::chrono::milliseconds commit{30'000};  ///< 30 s is its default at least once
  std::int64_t cache_bytes = 0;              ///< 0: each word is told of at once
  bool soon = false;                         ///< nothing waits for more to come
};

/// Counts the words of a topic into another until it goes.
class kafka_streams {
 public:
  /// Whether what builds and runs it is installed; makes it ready, and throws where that fails.
  static bool available();

  kafka_streams(const std::string& broker, const std::string& from, const std::string& to,
                const kafka_streams_options& options);
  ~kafka_streams();
  kafka_streams(const kafka_streams&) = delete;
  kafka_streams& operator=(const kafka_streams&) = delete;

  /// Takes no time of the processors until it is let go on, within minutes.
  void freeze();
  void thaw();

  /// By what it says itself, between these times after its start.
  double words_a_second(std::chrono::milliseconds from, std::chrono::milliseconds until);

 private:
  struct progress {
    long long ms = 0;
    long long words = 0;
  };
  progress after(std::chrono::milliseconds time);

  std::string directory_;
  pid_t process_ = -1;
  std::FILE* said_ = nullptr;
};

}  // namespace bench
