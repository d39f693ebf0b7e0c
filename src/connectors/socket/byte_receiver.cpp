#include "millrace/detail/socket/byte_receiver.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "connectors/socket/tcp.hpp"
#include "millrace/detail/base/bytes.hpp"

namespace millrace::detail {
namespace {

/// A longer frame is taken for something else than a frame.
constexpr std::size_t longest_frame = std::size_t{64} << 20;
/// The same for a record that is decoded by the program.
constexpr std::size_t longest_record = std::size_t{64} << 20;
constexpr std::size_t read_bytes = std::size_t{64} << 10;
/// Of what can't be taken apart so much is kept.
constexpr std::size_t most_kept = std::size_t{64} << 10;

/// Reads on a thread of its own, which waits where rows find no room: so TCP slows the server down.
class byte_receiver final : public receiver_base {
 public:
  byte_receiver(std::string host, int port, byte_decoder d)
      : receiver_base(*d.rows), host_(std::move(host)), port_(port), decoder_(std::move(d)) {}
  ~byte_receiver() override { on_stop(); }

  void on_start() override {
    thread_ = std::thread([this] { read(); });
  }
  void on_stop() override {
    if (thread_.joinable()) thread_.join();
  }
  std::string description() const override {
    return std::string(decoder_.source) + " " + host_ + ":" + std::to_string(port_);
  }

  on_bad_record bad_records() const override { return decoder_.bad_records; }

 private:
  void read() {
    std::string left;
    taken_ = 0;
    try {
      const tcp_socket server = connect_to(host_, port_, [this] { return is_stopped(); });
      while (server.wait_readable([this] { return is_stopped(); })) {
        const std::size_t before = left.size();
        left.resize(before + read_bytes);
        const std::size_t n = server.read(left.data() + before, read_bytes);
        left.resize(before + n);
        if (n == 0) throw error("the server closed the connection");
        left.erase(0, store_records(left));
      }
      if (!left.empty()) report_error(lost(left.size()));
    } catch (const bad_bytes& e) {
      fail(e.why);
    } catch (const no_end&) {
      restart("what came can't be taken apart any more; connecting again");
    } catch (const std::exception& e) {
      if (!left.empty()) report_error(lost(left.size()));
      if (!is_stopped()) restart(e.what());
    }
  }

  static std::string lost(std::size_t bytes) {
    return "the beginning of a record was left out, for its end did not come. Bytes: " +
           std::to_string(bytes);
  }

  struct bad_bytes {
    std::exception_ptr why;
  };
  struct no_end {};

  /// How many bytes were used.
  std::size_t store_records(std::string_view bytes) {
    std::size_t used = 0;
    for (;;) {
      row_buffer rows(*decoder_.rows);
      const std::size_t n = decode(bytes.substr(used), rows);
      used += n;
      taken_ += n;
      if (!store(std::move(rows)) || n == 0) return used;
    }
  }

  /// The same, for the records that follow; bad ones are left out, or end the reading.
  std::size_t decode(std::string_view bytes, row_buffer& rows) {
    try {
      const std::size_t n = decoder_.decode(decoder_.function.get(), bytes, rows);
      if (n > bytes.size())
        throw usage_error("socket_stream: the function says that it used more bytes than it got");
      if (n == 0 && bytes.size() > longest_record + 4)
        throw undecodable{0, 0,
                          std::make_exception_ptr(error("a record does not end within 64 MiB"))};
      return n;
    } catch (const undecodable& bad) {
      if (decoder_.bad_records == on_bad_record::fail) throw bad_bytes{bad.why};
      const bool ends = bad.bytes != 0;
      const std::string_view record = bytes.substr(bad.before, ends ? bad.bytes : most_kept);
      const std::string position =
          host_ + ":" + std::to_string(port_) + ", byte " + std::to_string(taken_ + bad.before);
      if (!store(std::move(rows)) ||
          !reject(decoder_.bad_records, {"", position, describe(bad.why), record}))
        throw no_end{};  // the stream ends
      if (!ends) throw no_end{};
      return bad.before + bad.bytes;
    } catch (const std::exception&) {
      throw bad_bytes{std::current_exception()};
    }
  }

  /// Leaves `rows` empty. False: the receiver is stopped.
  bool store(row_buffer&& all) {
    row_buffer rows(std::move(all));
    all = row_buffer(*decoder_.rows);
    if (decoder_.blocks) return store_block(std::move(rows));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!store_row(rows.row(i), true)) return false;
    return true;
  }

  std::string host_;
  int port_;
  byte_decoder decoder_;
  std::thread thread_;
  std::uint64_t taken_ = 0;  // bytes of this connection that were used
};

}  // namespace

std::shared_ptr<receiver_base> socket_receiver(std::string host, int port, byte_decoder d) {
  const std::string what(d.source);
  if (host.empty()) throw usage_error(what + ": the host is missing");
  if (port < 1 || port > 65535)
    throw usage_error(what + ": the port must be between 1 and 65535: " + std::to_string(port));
  return std::make_shared<byte_receiver>(std::move(host), port, std::move(d));
}

byte_decoder frame_decoder(const row_type& rows) {
  return {&rows,
          "raw socket",
          {},
          [](const void*, std::string_view bytes, row_buffer& out) -> std::size_t {
            if (bytes.size() < 4) return 0;
            std::size_t length = 0;
            for (int i = 0; i < 4; ++i)
              length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
            if (length > longest_frame)
              throw undecodable{0, 0,
                                std::make_exception_ptr(error(
                                    "a frame is longer than 64 MiB, so this is none. Bytes: " +
                                    std::to_string(length)))};
            if (bytes.size() - 4 < length) return 0;
            try {
              byte_reader in(bytes.substr(4, length));
              while (in.remaining() != 0) {
                decode_row(out.type(), out.place(), in, out.texts());
                out.added();
              }
            } catch (const std::exception&) {
              out.clear();
              throw undecodable{0, 4 + length, std::current_exception()};
            }
            return 4 + length;
          },
          true};
}

}  // namespace millrace::detail
