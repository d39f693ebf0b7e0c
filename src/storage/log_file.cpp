#include "storage/log_file.hpp"

#include <cstring>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// How much of the file was synced when an entry was written: what stands before its bytes.
std::uint64_t synced_before(std::string_view payload) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, payload.data(), sizeof bytes);
  return bytes;
}

}  // namespace

void log_entry::clear() {
  bytes_.clear();
  bytes_.u64(0);  // filled in by the writer
}

log_writer::log_writer(file_system& files, std::string path, std::string_view description,
                       log_entry* first)
    : path_(std::move(path)), file_(files.create_new(path_)) {
  try {
    frames_.emplace(*file_, description);
    if (first != nullptr) append(*first);
    file_->sync();
    files.sync_directory(directory_of(path_));
    if (first != nullptr) synced(bytes());
    else synced_ = appended_ = bytes();
  } catch (...) {
    const std::exception_ptr failed = std::current_exception();
    try {
      files.remove_tree(path_);
    } catch (const std::exception& e) {
      log_warn("a log that could not be begun is left: " + describe(e));
    }
    std::rethrow_exception(failed);
  }
}

std::uint64_t log_writer::append(log_entry& entry, std::uint64_t records) {
  const std::uint64_t offset = frames_->bytes();
  const std::string_view all = entry.bytes_.view();
  // Not const: it is the entry's own buffer.
  std::memcpy(const_cast<char*>(all.data()), &synced_, sizeof synced_);
  frames_->frame(all, records);
  appended_ = frames_->bytes();
  return offset;
}

void log_writer::sync() {
  if (all_synced()) return;
  flush();
  synced(frames_->bytes());
}

/// Says in the file that it was, before anybody acts on it: else damage to the last entry would
/// look like the end of a writer that died before the sync.
void log_writer::synced(std::uint64_t up_to) {
  synced_ = up_to;
  frames_->frame({reinterpret_cast<const char*>(&synced_), sizeof synced_}, 0);
}

void log_writer::close() {
  // A reader takes the mark as the word that all before it was on the disk.
  if (!all_synced()) flush();
  frames_->finish();
  file_->sync();
  file_->close();
}

log_reader::log_reader(file_system& files, const std::string& path, std::string_view description)
    : path_(path), frames_(files.open_read(path), framed_reader::ending::open) {
  if (frames_.flaw() == nullptr && frames_.description() != description)
    frames_.refuse(
        "it holds \"" + frames_.description() + "\" and not \"" + std::string(description) + "\"",
        0);
}

bool log_reader::next(entry& next) {
  if (ended_) return false;
  framed_reader::frame frame;
  while (frames_.next(frame)) {
    if (frame.payload.size() < log_entry::head)
      frames_.refuse("an entry of a log is too short", frame.offset);
    if (frame.records == 0) continue;  // says what was synced, and nothing else
    next = {frame.payload.substr(log_entry::head), frame.records,
            frame.offset - framed_writer::head_bytes};
    return true;
  }
  ended_ = true;
  const auto* const flaw = frames_.flaw();
  if (flaw == nullptr || frames_.description().empty()) return false;
  const auto damaged = *flaw;
  while (frames_.find(frame))
    if (frame.payload.size() < log_entry::head || synced_before(frame.payload) > damaged.offset)
      frames_.refuse(damaged.what + ", and entries behind it are whole", damaged.offset);
  return false;
}

std::uint64_t log_reader::torn() const {
  const auto* const flaw = frames_.flaw();
  return flaw == nullptr ? 0 : frames_.size() - flaw->offset;
}

std::string log_reader::torn_text() const {
  if (torn() == 0) return {};
  return "the last " + std::to_string(torn()) +
         " bytes of a log are not whole, for its writer died; they are left out: \"" + path_ +
         "\" at offset " + std::to_string(frames_.flaw()->offset);
}

}  // namespace millrace::detail
