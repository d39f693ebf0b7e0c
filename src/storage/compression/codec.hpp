// What each compression library is behind.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::detail {

class decompressor {
 public:
  virtual ~decompressor();
  /// Takes bytes off `in` and puts bytes at `to`, at most `room`, as far as either allows; returns
  /// how many it put. Throws `error` with the library's words.
  virtual std::size_t decompress(std::string_view& in, char* to, std::size_t room) = 0;
  /// Whether all that was begun has ended: a file may end here.
  [[nodiscard]] virtual bool between_members() const = 0;
};

class compressor {
 public:
  virtual ~compressor();
  /// Both append to `out` what is ready. `end` ends the member; another may follow.
  virtual void compress(std::string_view in, std::string& out) = 0;
  virtual void end(std::string& out) = 0;
};

std::unique_ptr<decompressor> gzip_decompressor();
std::unique_ptr<compressor> gzip_compressor();
std::unique_ptr<decompressor> zstd_decompressor();
std::unique_ptr<compressor> zstd_compressor();
std::unique_ptr<decompressor> lz4_decompressor();
std::unique_ptr<compressor> lz4_compressor();
std::unique_ptr<decompressor> bzip2_decompressor();
std::unique_ptr<compressor> bzip2_compressor();

/// Lets `step(char* to, room) -> written` append to `out` a piece at a time until it says so.
template <class Step>
void append_pieces(std::string& out, Step step) {
  constexpr std::size_t piece = std::size_t{64} << 10;
  for (bool more = true; more;) {
    const std::size_t before = out.size();
    out.resize(before + piece);
    std::size_t written = 0;
    more = step(out.data() + before, piece, written);
    out.resize(before + written);
  }
}

}  // namespace millrace::detail
