#include <lz4frame.h>

#include <algorithm>

#include "millrace/error.hpp"
#include "storage/compression/codec.hpp"

namespace millrace::detail {

namespace {

std::size_t checked(std::size_t result) {
  if (::LZ4F_isError(result) != 0) throw error(std::string("lz4: ") + ::LZ4F_getErrorName(result));
  return result;
}

class lz4_reader final : public decompressor {
 public:
  lz4_reader() { checked(::LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)); }
  ~lz4_reader() override { ::LZ4F_freeDecompressionContext(context_); }
  lz4_reader(const lz4_reader&) = delete;
  lz4_reader& operator=(const lz4_reader&) = delete;

  std::size_t decompress(std::string_view& in, char* to, std::size_t room) override {
    std::size_t taken = in.size();
    std::size_t written = room;
    ended_ = checked(::LZ4F_decompress(context_, to, &written, in.data(), &taken, nullptr)) == 0;
    in.remove_prefix(taken);
    return written;
  }
  [[nodiscard]] bool between_members() const override { return ended_; }

 private:
  LZ4F_dctx* context_ = nullptr;
  bool ended_ = true;
};

class lz4_writer final : public compressor {
 public:
  lz4_writer() {
    checked(::LZ4F_createCompressionContext(&context_, LZ4F_VERSION));
    preferences_.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  }
  ~lz4_writer() override { ::LZ4F_freeCompressionContext(context_); }
  lz4_writer(const lz4_writer&) = delete;
  lz4_writer& operator=(const lz4_writer&) = delete;

  void compress(std::string_view in, std::string& out) override {
    begin(out);
    while (!in.empty()) {
      const std::string_view piece = in.substr(0, std::size_t{64} << 10);
      append(
          out, ::LZ4F_compressBound(piece.size(), &preferences_), [&](char* to, std::size_t room) {
            return ::LZ4F_compressUpdate(context_, to, room, piece.data(), piece.size(), nullptr);
          });
      in.remove_prefix(piece.size());
    }
  }
  void end(std::string& out) override {
    begin(out);
    append(out, ::LZ4F_compressBound(0, &preferences_), [&](char* to, std::size_t room) {
      return ::LZ4F_compressEnd(context_, to, room, nullptr);
    });
    begun_ = false;
  }

 private:
  void begin(std::string& out) {
    if (begun_) return;
    append(out, LZ4F_HEADER_SIZE_MAX, [&](char* to, std::size_t room) {
      return ::LZ4F_compressBegin(context_, to, room, &preferences_);
    });
    begun_ = true;
  }
  template <class Write>
  static void append(std::string& out, std::size_t room, Write write) {
    const std::size_t before = out.size();
    out.resize(before + room);
    out.resize(before + checked(write(out.data() + before, room)));
  }

  LZ4F_cctx* context_ = nullptr;
  LZ4F_preferences_t preferences_{};
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<decompressor> lz4_decompressor() { return std::make_unique<lz4_reader>(); }
std::unique_ptr<compressor> lz4_compressor() { return std::make_unique<lz4_writer>(); }

}  // namespace millrace::detail
