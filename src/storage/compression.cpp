#include "storage/compression.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "millrace/error.hpp"
#include "storage/compression/codec.hpp"

namespace millrace::detail {

decompressor::~decompressor() = default;
compressor::~compressor() = default;

namespace {

struct codec_entry {
  compression kind;
  std::string_view name;
  std::string_view hadoop;  // its class, after org.apache.hadoop.io.compress.
  std::string_view extension;
  std::unique_ptr<decompressor> (*read)();
  std::unique_ptr<compressor> (*write)();
};

constexpr std::array known{
    codec_entry{compression::gzip, "gzip", "gzipcodec", ".gz", gzip_decompressor, gzip_compressor},
    codec_entry{compression::zstd, "zstd", "zstandardcodec", ".zst", zstd_decompressor,
                zstd_compressor},
    codec_entry{compression::lz4, "lz4", "lz4codec", ".lz4", lz4_decompressor, lz4_compressor},
    codec_entry{compression::bzip2, "bzip2", "bzip2codec", ".bz2", bzip2_decompressor,
                bzip2_compressor},
};

const codec_entry& entry_of(compression kind) {
  return *std::find_if(known.begin(), known.end(),
                       [&](const codec_entry& e) { return e.kind == kind; });
}

constexpr std::size_t piece = std::size_t{64} << 10;  // bytes of a file that are read at a time

class decompressing_file final : public input_file {
 public:
  decompressing_file(std::unique_ptr<input_file> file, std::unique_ptr<decompressor> by)
      : file_(std::move(file)), by_(std::move(by)), buffer_(new char[piece]) {}

  [[nodiscard]] std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) override {
    if (offset != position_)
      throw error("a compressed file can only be read forwards, on from " +
                  std::to_string(position_) + " and not from " + std::to_string(offset) + ": \"" +
                  path() + "\"");
    std::size_t done = 0;
    while (done < count) {
      if (in_.empty() && !ended_) refill();
      if (ended_ && by_->between_members()) break;
      const std::size_t got = decompress(static_cast<char*>(to) + done, count - done);
      // What a library held back comes out without input.
      if (ended_ && got == 0)
        throw error("a compressed file ends too early: \"" + path() + "\" at offset " +
                    std::to_string(read_));
      done += got;
    }
    position_ += done;
    return done;
  }
  [[nodiscard]] std::uint64_t size() const override {
    throw error("the size of a compressed file's content is not known: \"" + path() + "\"");
  }
  [[nodiscard]] const std::string& path() const override { return file_->path(); }

 private:
  void refill() {
    const std::size_t got = file_->read_at(read_, buffer_.get(), piece);
    in_ = {buffer_.get(), got};
    read_ += got;
    ended_ = got == 0;
  }
  std::size_t decompress(char* to, std::size_t room) {
    try {
      return by_->decompress(in_, to, room);
    } catch (const error& e) {
      throw error("decompressing failed (" + std::string(e.what()) + "): \"" + path() +
                  "\" before offset " + std::to_string(read_));
    }
  }

  std::unique_ptr<input_file> file_;
  std::unique_ptr<decompressor> by_;
  std::unique_ptr<char[]> buffer_;
  std::string_view in_;
  std::uint64_t read_ = 0;      // of the file
  std::uint64_t position_ = 0;  // of its content
  bool ended_ = false;          // nothing is left of the file
};

class compressing_file final : public output_file {
 public:
  compressing_file(std::unique_ptr<output_file> file, std::unique_ptr<compressor> by)
      : file_(std::move(file)), by_(std::move(by)) {}

  void write(std::string_view bytes) override {
    if (bytes.empty()) return;
    open_ = true;
    by_->compress(bytes, out_);
    if (out_.size() >= piece) flush();
  }
  void sync() override {
    end();
    file_->sync();
  }
  void close() override {
    end();
    file_->close();
  }

 private:
  /// Also an empty file has one member: an empty one is none of the format.
  void end() {
    if (open_) {
      by_->end(out_);
      open_ = false;
    }
    flush();
  }
  void flush() {
    if (!out_.empty()) file_->write(out_);
    out_.clear();
  }

  std::unique_ptr<output_file> file_;
  std::unique_ptr<compressor> by_;
  std::string out_;
  bool open_ = true;
};

}  // namespace

compression compression_of(std::string_view path) {
  for (const auto& e : known)
    if (path.ends_with(e.extension)) return e.kind;
  return compression::none;
}

compression compression_named(std::string_view name) {
  std::string wanted(name);
  for (char& c : wanted)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  constexpr std::string_view package = "org.apache.hadoop.io.compress.";
  if (wanted.starts_with(package)) wanted.erase(0, package.size());
  for (const auto& e : known)
    if (wanted == e.name || wanted == e.hadoop) return e.kind;
  if (wanted == "none" || wanted.empty()) return compression::none;
  throw usage_error("there is no such codec; there are gzip, zstd, lz4, bzip2 and none: \"" +
                    std::string(name) + "\"");
}

std::string_view extension_of(compression kind) {
  return kind == compression::none ? std::string_view() : entry_of(kind).extension;
}

std::unique_ptr<input_file> decompressed(std::unique_ptr<input_file> file, compression kind) {
  if (kind == compression::none) return file;
  return std::make_unique<decompressing_file>(std::move(file), entry_of(kind).read());
}

std::unique_ptr<output_file> compressed(std::unique_ptr<output_file> file, compression kind) {
  if (kind == compression::none) return file;
  return std::make_unique<compressing_file>(std::move(file), entry_of(kind).write());
}

}  // namespace millrace::detail
