// Messages that wait to be sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::detail::kafka {

struct outgoing {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  int partition;           // -1: by the key
  std::int64_t timestamp;  // milliseconds since 1970; 0: now
};

/// Messages side by side in memory of their own, in the order in which they were added.
class staged_messages {
 public:
  static constexpr std::uint32_t null = UINT32_MAX;
  /// Bytes lie one after another in `text`: key, value, then name and value of each header.
  struct entry {
    std::size_t at;
    std::uint32_t key_size;  // or null
    std::uint32_t value_size;
    std::int32_t partition;
    std::uint32_t headers;
    std::int64_t timestamp;
  };
  struct header_sizes {
    std::uint32_t name;   // with the zero at its end
    std::uint32_t value;  // or null
  };

  /// Throws usage_error for what is larger than Kafka can say (2 GiB).
  void add(const outgoing& m);
  /// Belongs to the message that was added last.
  void add_header(std::string_view name, std::optional<std::string_view> value);

  std::size_t bytes() const { return text_.size() + entries_.size() * sizeof(entry); }
  const std::string& text() const { return text_; }
  const std::vector<entry>& entries() const { return entries_; }
  const std::vector<header_sizes>& headers() const { return headers_; }
  void clear();

  /// All of it as bytes, for the disk.
  std::string encode() const;
  static staged_messages decode(std::string_view bytes);

 private:
  std::uint32_t append(std::optional<std::string_view> bytes);

  std::string text_;
  std::vector<entry> entries_;
  std::vector<header_sizes> headers_;
};

class deliveries;
class waiting_messages;

/// What a partition of a batch leaves to the batch's commit.
struct prepared {
  std::shared_ptr<waiting_messages> waiting;  // exactly once: what the transaction will send
  std::shared_ptr<deliveries> under_way;      // at least once: what must arrive
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
};

/// The producers of a sink, made when they are needed.
class sink_state;
std::shared_ptr<sink_state> make_sink_state();

}  // namespace millrace::detail::kafka
