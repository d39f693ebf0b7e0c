#include "streaming/recovery/batch_log.hpp"

#include <utility>

#include "millrace/error.hpp"
#include "streaming/recovery/encoded.hpp"

namespace millrace::detail {
namespace {

/// Types of another shape are of another format.
const std::string& description() {
  static const std::string text = "batch log of " + signature_of(row_type_of<log_head>()) +
                                  " and " + signature_of(row_type_of<log_record>());
  return text;
}

log_entry encoded_entry(const log_head& head) {
  log_entry entry;
  encode(head, entry.bytes());
  return entry;
}

}  // namespace

batch_log_writer::batch_log_writer(file_system& files, std::string path, const log_head& head)
    : entry_(encoded_entry(head)), file_(files, std::move(path), description(), &entry_) {}

std::uint64_t batch_log_writer::append(const log_record& record) {
  entry_.clear();
  encode(record, entry_.bytes());
  file_.append(entry_);
  ++entries_;
  return file_.bytes();
}

batch_log_reader::batch_log_reader(file_system& files, const std::string& path)
    : path_(path), file_(files, path, description()) {
  log_reader::entry first;
  has_head_ = file_.next(first);
  if (has_head_) head_ = decode<log_head>(first.bytes);
}

bool batch_log_reader::next(log_record& record) {
  log_reader::entry one;
  if (!has_head_ || !file_.next(one)) return false;
  try {
    record = decode<log_record>(one.bytes);
  } catch (const error& e) {
    throw error(std::string("an entry of the batch log can't be read: ") + e.what() + ": \"" +
                path_ + "\" at offset " + std::to_string(one.offset));
  }
  return true;
}

}  // namespace millrace::detail
