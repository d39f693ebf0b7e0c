// How rows flow: sources push chunks of them through kernels into a sink.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace::detail {

/// What a consumer answers: go on, or stop (take and first have what they need; a cancelled task).
enum class flow : unsigned char { more, enough };

/// About this many rows go through a kernel at a time: small enough for the first-level cache,
/// large enough that a call a chunk costs nothing a row.
inline constexpr std::uint32_t chunk_rows = 1024;
/// The most that a chunk may hold: block-wise cutting ends on a 64-byte window.
inline constexpr std::uint32_t chunk_capacity = chunk_rows + 64;

/// Rows of one type, side by side. They, and all that they view, live until `push` returns: whoever
/// keeps a row longer copies it and owns its text (`row_buffer`). `movable` rows belong to the
/// producer's scratch memory: a consumer may move from them (the producer still destroys them).
struct chunk {
  void* rows;
  std::uint32_t count;
  bool movable;
};

/// Where chunks go. Copied freely; `self` outlives the push.
struct sink {
  void* self;
  flow (*push)(void* self, const chunk& rows);
  flow operator()(const chunk& rows) const { return push(self, rows); }
};

/// One partition of a dataset, being computed. Single-threaded, used once.
class cursor {
 public:
  cursor() = default;
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;
  virtual ~cursor();

  /// Pushes about one chunk of the source (which an operation on the way may widen to several or
  /// narrow to none). `enough`: nothing is left or the consumer wants no more; not to be called
  /// again.
  virtual flow step(const sink& to) = 0;
};

/// One partition of text as raw blocks of whole lines, for what can cut text block-wise. A block is
/// valid until the next call and has 64 readable bytes after its end.
class block_cursor {
 public:
  block_cursor() = default;
  block_cursor(const block_cursor&) = delete;
  block_cursor& operator=(const block_cursor&) = delete;
  virtual ~block_cursor();
  virtual bool next(std::string_view& block) = 0;
};

}  // namespace millrace::detail
