#include <zlib.h>

#include <algorithm>
#include <climits>

#include "millrace/error.hpp"
#include "storage/compression/codec.hpp"

namespace millrace::detail {

namespace {

constexpr int gzip_window = 15 + 16;  // the largest, in gzip's frame

[[noreturn]] void fail(const z_stream& stream, int code) {
  throw error(std::string("gzip: ") + (stream.msg != nullptr ? stream.msg : ::zError(code)));
}

uInt fitting(std::size_t count) {
  return static_cast<uInt>(std::min<std::size_t>(count, UINT_MAX));
}

void give(z_stream& stream, std::string_view in) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = fitting(in.size());
}
void give(z_stream& stream, char* to, std::size_t room) {
  stream.next_out = reinterpret_cast<Bytef*>(to);
  stream.avail_out = fitting(room);
}

class gzip_reader final : public decompressor {
 public:
  gzip_reader() {
    if (const int code = ::inflateInit2(&stream_, gzip_window); code != Z_OK) fail(stream_, code);
  }
  ~gzip_reader() override { ::inflateEnd(&stream_); }

  std::size_t decompress(std::string_view& in, char* to, std::size_t room) override {
    if (ended_) {
      if (const int code = ::inflateReset(&stream_); code != Z_OK) fail(stream_, code);
      ended_ = false;
    }
    give(stream_, in);
    give(stream_, to, room);
    const uInt given = stream_.avail_in;
    const uInt space = stream_.avail_out;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(given - stream_.avail_in);
    if (code == Z_STREAM_END) ended_ = true;
    else if (code != Z_OK && code != Z_BUF_ERROR) fail(stream_, code);
    return space - stream_.avail_out;
  }
  [[nodiscard]] bool between_members() const override { return ended_; }

 private:
  z_stream stream_{};
  bool ended_ = true;
};

class gzip_writer final : public compressor {
 public:
  gzip_writer() {
    constexpr int memory = 8;  // zlib's default
    const int code = ::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window,
                                    memory, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) fail(stream_, code);
  }
  ~gzip_writer() override { ::deflateEnd(&stream_); }

  void compress(std::string_view in, std::string& out) override {
    while (!in.empty()) {
      give(stream_, in);
      const uInt given = stream_.avail_in;
      run(Z_NO_FLUSH, out);
      in.remove_prefix(given);
    }
  }
  void end(std::string& out) override {
    give(stream_, std::string_view());
    run(Z_FINISH, out);
    if (const int code = ::deflateReset(&stream_); code != Z_OK) fail(stream_, code);
  }

 private:
  void run(int flush, std::string& out) {
    append_pieces(out, [&](char* to, std::size_t room, std::size_t& written) {
      give(stream_, to, room);
      const int code = ::deflate(&stream_, flush);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) fail(stream_, code);
      written = room - stream_.avail_out;
      return flush == Z_FINISH ? code != Z_STREAM_END : stream_.avail_out == 0;
    });
  }

  z_stream stream_{};
};

}  // namespace

std::unique_ptr<decompressor> gzip_decompressor() { return std::make_unique<gzip_reader>(); }
std::unique_ptr<compressor> gzip_compressor() { return std::make_unique<gzip_writer>(); }

}  // namespace millrace::detail
