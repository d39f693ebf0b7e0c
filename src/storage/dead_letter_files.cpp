#include "storage/dead_letter_files.hpp"

#include <charconv>
#include <cstdio>
#include <random>
#include <utility>

#include "millrace/detail/base/hash.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

constexpr std::string_view description = "dead letters 1";
constexpr std::string_view prefix = "letters-";

std::string_view name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// 0: the file is none of ours.
std::uint64_t number_of(std::string_view path) {
  std::string_view name = name_of(path);
  if (!name.starts_with(prefix)) return 0;
  name.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto end = std::from_chars(name.data(), name.data() + name.size(), number);
  return end.ec == std::errc{} ? number : 0;
}

void encode_identity(const dead_letter& letter, byte_writer& to) {
  to.text(letter.source);
  to.text(letter.position);
  to.text(letter.bytes);
}

void encode(const dead_letter& letter, byte_writer& to) {
  to.u64(static_cast<std::uint64_t>(letter.time.time_since_epoch().count()));
  to.u8(letter.batch_time ? 1 : 0);
  if (letter.batch_time)
    to.u64(static_cast<std::uint64_t>(letter.batch_time->time_since_epoch().count()));
  to.text(letter.reason);
  encode_identity(letter, to);
}

dead_letter decode(std::string_view bytes) {
  byte_reader in(bytes);
  dead_letter letter;
  letter.time = std::chrono::sys_time<std::chrono::microseconds>(
      std::chrono::microseconds(static_cast<std::int64_t>(in.u64())));
  if (in.u8() != 0)
    letter.batch_time = std::chrono::sys_time<std::chrono::milliseconds>(
        std::chrono::milliseconds(static_cast<std::int64_t>(in.u64())));
  letter.reason = in.text();
  letter.source = in.text();
  letter.position = in.text();
  letter.bytes = in.text();
  return letter;
}

}  // namespace

std::vector<std::string> dead_letter_files(file_system& files, const std::string& directory) {
  std::vector<std::string> found;
  if (!files.exists(directory)) return found;
  for (file_info& file : files.list(directory))  // by name, and so by number
    if (number_of(file.path) != 0) found.push_back(std::move(file.path));
  return found;
}

std::string read_dead_letters(file_system& files, const std::string& path,
                              const std::function<void(dead_letter&&)>& f) {
  log_reader log(files, path, description);
  log_reader::entry entry;
  while (log.next(entry)) f(decode(entry.bytes));
  return log.torn_text();
}

std::uint64_t identity_of(const dead_letter& letter) {
  byte_writer bytes;
  encode_identity(letter, bytes);
  return checksum(bytes.data(), bytes.size());
}

dead_letter_writer::dead_letter_writer(file_system& files, std::string directory,
                                       std::uint64_t most_bytes)
    : files_(files), directory_(std::move(directory)), most_bytes_(most_bytes) {
  files_.make_directories(directory_);
  for (const std::string& path : dead_letter_files(files_, directory_)) {
    next_file_ = number_of(path) + 1;
    bytes_ += files_.open_read(path)->size();
    const std::string torn = read_dead_letters(
        files_, path, [&](dead_letter&& letter) { known_.insert(identity_of(letter)); });
    if (!torn.empty()) log_warn(torn);
  }
}

void dead_letter_writer::begin() {
  // The number orders them; the rest is for two programs that begin one at the same time.
  char name[64];
  std::random_device chance;
  std::snprintf(name, sizeof name, "/letters-%08llu-%08x",
                static_cast<unsigned long long>(next_file_), static_cast<unsigned>(chance()));
  ++next_file_;
  log_ = std::make_unique<log_writer>(files_, directory_ + name, description);
  bytes_ += log_->bytes();
}

bool dead_letter_writer::add(const dead_letter& letter) {
  const std::uint64_t identity = identity_of(letter);
  if (known_.contains(identity)) return false;
  entry_.clear();
  encode(letter, entry_.bytes());
  const std::uint64_t size = framed_writer::head_bytes + entry_.bytes().size();
  if (size > most_bytes_ || bytes_ > most_bytes_ - size)
    throw error(
        "the dead letters are full: look why there are so many and move their files away, "
        "or raise deadLetters.maxBytes. Bytes: " +
        std::to_string(bytes_) + ", directory: \"" + directory_ + "\"");
  try {
    if (log_ == nullptr) begin();
    log_->append(entry_);
  } catch (...) {
    leave();
    throw;
  }
  bytes_ += size;
  known_.insert(identity);
  unsynced_.push_back(identity);
  return true;
}

void dead_letter_writer::sync() {
  if (unsynced_.empty()) return;
  try {
    log_->sync();
  } catch (...) {
    leave();
    throw;
  }
  unsynced_.clear();
}

void dead_letter_writer::close() {
  if (log_ == nullptr) return;
  log_->close();
  log_.reset();
  unsynced_.clear();
}

/// After a failure nobody knows what of the file is on the disk: whoever brings these letters again
/// gets them into another one.
void dead_letter_writer::leave() noexcept {
  for (const std::uint64_t identity : unsynced_) known_.erase(identity);
  unsynced_.clear();
  log_.reset();
}

}  // namespace millrace::detail
