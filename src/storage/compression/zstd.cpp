#include <zstd.h>

#include <new>

#include "millrace/error.hpp"
#include "storage/compression/codec.hpp"

namespace millrace::detail {

namespace {

std::size_t checked(std::size_t result) {
  if (::ZSTD_isError(result) != 0) throw error(std::string("zstd: ") + ::ZSTD_getErrorName(result));
  return result;
}

class zstd_reader final : public decompressor {
 public:
  zstd_reader() : stream_(::ZSTD_createDStream(), &::ZSTD_freeDStream) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }
  std::size_t decompress(std::string_view& in, char* to, std::size_t room) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer into{to, room, 0};
    ended_ = checked(::ZSTD_decompressStream(stream_.get(), &into, &from)) == 0;
    in.remove_prefix(from.pos);
    return into.pos;
  }
  [[nodiscard]] bool between_members() const override { return ended_; }

 private:
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  bool ended_ = true;
};

class zstd_writer final : public compressor {
 public:
  zstd_writer() : stream_(::ZSTD_createCStream(), &::ZSTD_freeCStream) {
    if (stream_ == nullptr) throw std::bad_alloc();
    checked(::ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_checksumFlag, 1));
  }
  void compress(std::string_view in, std::string& out) override { run(in, ZSTD_e_continue, out); }
  void end(std::string& out) override { run({}, ZSTD_e_end, out); }

 private:
  void run(std::string_view in, ZSTD_EndDirective how, std::string& out) {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    append_pieces(out, [&](char* to, std::size_t room, std::size_t& written) {
      ZSTD_outBuffer into{to, room, 0};
      const auto left = checked(::ZSTD_compressStream2(stream_.get(), &into, &from, how));
      written = into.pos;
      return how == ZSTD_e_end ? left != 0 : from.pos != from.size;
    });
  }

  std::unique_ptr<ZSTD_CStream, std::size_t (*)(ZSTD_CStream*)> stream_;
};

}  // namespace

std::unique_ptr<decompressor> zstd_decompressor() { return std::make_unique<zstd_reader>(); }
std::unique_ptr<compressor> zstd_compressor() { return std::make_unique<zstd_writer>(); }

}  // namespace millrace::detail
