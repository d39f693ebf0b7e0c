#include <bzlib.h>

#include <algorithm>
#include <climits>

#include "millrace/error.hpp"
#include "storage/compression/codec.hpp"

namespace millrace::detail {

namespace {

[[noreturn]] void fail(int code) {
  const char* what = "it failed";
  if (code == BZ_MEM_ERROR) throw std::bad_alloc();
  if (code == BZ_DATA_ERROR) what = "the data is damaged";
  if (code == BZ_DATA_ERROR_MAGIC) what = "this is not bzip2's data";
  throw error("bzip2: " + std::string(what) + ", code " + std::to_string(code));
}

unsigned fitting(std::size_t count) {
  return static_cast<unsigned>(std::min<std::size_t>(count, UINT_MAX));
}

void give(bz_stream& stream, std::string_view in) {
  stream.next_in = const_cast<char*>(in.data());
  stream.avail_in = fitting(in.size());
}
void give(bz_stream& stream, char* to, std::size_t room) {
  stream.next_out = to;
  stream.avail_out = fitting(room);
}

// The library cannot begin a second member in the same state: each has one of its own.
class bzip2_reader final : public decompressor {
 public:
  ~bzip2_reader() override {
    if (!ended_) ::BZ2_bzDecompressEnd(&stream_);
  }

  std::size_t decompress(std::string_view& in, char* to, std::size_t room) override {
    if (ended_) {
      stream_ = {};
      if (const int code = ::BZ2_bzDecompressInit(&stream_, 0, 0); code != BZ_OK) fail(code);
      ended_ = false;
    }
    give(stream_, in);
    give(stream_, to, room);
    const unsigned given = stream_.avail_in;
    const unsigned space = stream_.avail_out;
    const int code = ::BZ2_bzDecompress(&stream_);
    in.remove_prefix(given - stream_.avail_in);
    const std::size_t written = space - stream_.avail_out;
    if (code == BZ_STREAM_END) {
      ::BZ2_bzDecompressEnd(&stream_);
      ended_ = true;
    } else if (code != BZ_OK) {
      fail(code);
    }
    return written;
  }
  [[nodiscard]] bool between_members() const override { return ended_; }

 private:
  bz_stream stream_{};
  bool ended_ = true;
};

class bzip2_writer final : public compressor {
 public:
  ~bzip2_writer() override {
    if (begun_) ::BZ2_bzCompressEnd(&stream_);
  }

  void compress(std::string_view in, std::string& out) override {
    begin();
    while (!in.empty()) {
      give(stream_, in);
      const unsigned given = stream_.avail_in;
      append_pieces(out, [&](char* to, std::size_t room, std::size_t& written) {
        give(stream_, to, room);
        if (const int code = ::BZ2_bzCompress(&stream_, BZ_RUN); code != BZ_RUN_OK) fail(code);
        written = room - stream_.avail_out;
        return stream_.avail_in != 0;
      });
      in.remove_prefix(given);
    }
  }
  void end(std::string& out) override {
    begin();
    give(stream_, std::string_view());
    append_pieces(out, [&](char* to, std::size_t room, std::size_t& written) {
      give(stream_, to, room);
      const int code = ::BZ2_bzCompress(&stream_, BZ_FINISH);
      if (code != BZ_FINISH_OK && code != BZ_STREAM_END) fail(code);
      written = room - stream_.avail_out;
      return code != BZ_STREAM_END;
    });
    ::BZ2_bzCompressEnd(&stream_);
    begun_ = false;
  }

 private:
  void begin() {
    if (begun_) return;
    constexpr int largest_blocks = 9;
    stream_ = {};
    if (const int code = ::BZ2_bzCompressInit(&stream_, largest_blocks, 0, 0); code != BZ_OK)
      fail(code);
    begun_ = true;
  }

  bz_stream stream_{};
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<decompressor> bzip2_decompressor() { return std::make_unique<bzip2_reader>(); }
std::unique_ptr<compressor> bzip2_compressor() { return std::make_unique<bzip2_writer>(); }

}  // namespace millrace::detail
