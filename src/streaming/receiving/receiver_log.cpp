#include "streaming/receiving/receiver_log.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

constexpr std::string_view description = "received 1";
constexpr std::string_view prefix = "/received-";

/// 0: the file is none of ours.
std::uint64_t number_of(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || !path.substr(slash).starts_with(prefix)) return 0;
  const std::string_view digits = path.substr(slash + prefix.size());
  std::uint64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return end.ec == std::errc{} && end.ptr == digits.data() + digits.size() ? number : 0;
}

}  // namespace

receiver_log::receiver_log(options o, std::uint64_t at_least, std::uint64_t whole_from)
    : options_(std::move(o)) {
  options_.files->make_directories(options_.directory);
  read_segments(whole_from);
  next_ = std::max(next_, at_least);
  durable_ = next_;
  begin_segment(next_);
}

std::string receiver_log::path_of(std::uint64_t number) const {
  char name[32];
  std::snprintf(name, sizeof name, "%08llu", static_cast<unsigned long long>(number));
  return options_.directory + std::string(prefix) + name;
}

// ---- reading what is there

void receiver_log::read_segments(std::uint64_t whole_from) {
  for (const file_info& file : options_.files->list(options_.directory))  // by name: by number
    if (number_of(file.path) != 0) read_segment(file.path, whole_from);
}

void receiver_log::read_segment(const std::string& path, std::uint64_t whole_from) {
  log_reader log(*options_.files, path, description);
  next_number_ = number_of(path) + 1;
  log_reader::entry entry;
  if (!log.next(entry)) {  // its writer died before there was anything
    options_.files->remove_tree(path);
    return;
  }
  byte_reader head(entry.bytes);
  segment one{number_of(path), path, 0, {}};
  const std::uint64_t epoch = head.u64();
  one.first = head.u64();
  if (const std::string_view signature = head.text(); signature != options_.signature)
    throw usage_error("the receiver's log holds " + std::string(signature) +
                      " and the stream's rows are " + options_.signature +
                      "; let the program that wrote it finish, or move it away: \"" + path + "\"");
  if (epoch < epoch_ - 1) {  // a run that had been taken over began it
    options_.files->remove_tree(path);
    return;
  }
  epoch_ = epoch + 1;
  while (log.next(entry)) {
    byte_reader in(entry.bytes);
    if (in.u64() != one.first + one.offsets.size())
      throw error("a receiver's log is damaged, an entry has the wrong number: \"" + path +
                  "\" at offset " + std::to_string(entry.offset));
    one.offsets.push_back(entry.offset);
  }
  if (const std::string torn = log.torn_text(); !torn.empty()) log_warn(torn);
  // What a segment holds from the first entry of a later one on was written again there.
  while (!segments_.empty() && segments_.back().first >= one.first) {
    options_.files->remove_tree(segments_.back().path);
    segments_.pop_back();
  }
  if (!segments_.empty()) {
    segment& before = segments_.back();
    const std::uint64_t end = before.first + before.offsets.size();
    if (end < one.first && whole_from < one.first)
      throw error("a receiver's log is damaged, entries are missing between two of its files: " +
                  std::to_string(one.first - end) + " before \"" + path + "\"");
    if (end > one.first) before.offsets.resize(static_cast<std::size_t>(one.first - before.first));
  }
  next_ = one.first + one.offsets.size();
  segments_.push_back(std::move(one));
}

/// What is in it does not count, or not any more.
bool receiver_log::remove(const std::string& path) const noexcept {
  try {
    options_.files->remove_tree(path);
    return true;
  } catch (const std::exception& e) {
    log_warn(
        "a file of a receiver's log could not be removed, and takes room until somebody does: " +
        describe(e));
    return false;
  }
}

// ---- writing

/// Begins a file; what it holds at first is durable when this returns.
void receiver_log::begin_segment(std::uint64_t first) {
  const std::uint64_t number = next_number_++;
  const std::string path = path_of(number);
  log_entry head;
  head.bytes().u64(epoch_);
  head.bytes().u64(first);
  head.bytes().text(options_.signature);
  file_ = std::make_shared<log_writer>(*options_.files, path, description, &head);
  segments_.push_back({number, path, first, {}});
}

/// To the last segment.
void receiver_log::write(log_entry& entry) {
  segments_.back().offsets.push_back(file_->append(entry));
}

/// Entries before this one need not be kept in memory any more.
void receiver_log::now_durable(std::uint64_t before) {
  if (before > durable_) spare_ = std::move(unsynced_.front());
  unsynced_.erase(unsynced_.begin(),
                  unsynced_.begin() + static_cast<std::ptrdiff_t>(before - durable_));
  durable_ = before;
  changed_.notify_all();
}

std::uint64_t receiver_log::append(const std::function<void(byte_writer&)>& content) {
  lock_type lock(mutex_);
  try {
    if (file_ != nullptr && file_->bytes() >= options_.segment_bytes) roll(lock);
  } catch (const std::exception&) {
    fail();
  }
  log_entry made = std::exchange(spare_, log_entry());
  made.clear();
  made.bytes().u64(next_);
  content(made.bytes());
  unsynced_.push_back(std::move(made));
  const std::uint64_t entry = next_++;
  if (file_ == nullptr) return entry;
  try {
    write(unsynced_.back());
  } catch (const std::exception&) {
    fail();
  }
  return entry;
}

/// Ends the segment and begins the next. Lets go of the lock while somebody syncs.
void receiver_log::roll(lock_type& lock) {
  const std::shared_ptr<log_writer> full = file_;
  changed_.wait(lock, [this] { return !syncing_; });
  if (file_ != full) return;  // somebody else did, or it failed
  full->close();
  const std::uint64_t end = segments_.back().first + segments_.back().offsets.size();
  now_durable(end);
  begin_segment(end);
}

/// REQUIRES: inside of a catch block. The file is left, with what is not durable in it.
void receiver_log::fail() noexcept {
  failure_ = describe(std::current_exception());
  file_.reset();
  segment& last = segments_.back();
  if (last.first + last.offsets.size() > durable_)
    last.offsets.resize(static_cast<std::size_t>(durable_ - last.first));
  changed_.notify_all();
}

bool receiver_log::sync(lock_type& lock) {
  const std::uint64_t wanted = next_;
  while (durable_ < wanted) {
    if (file_ == nullptr) return false;
    if (syncing_) {
      changed_.wait(lock);
      continue;
    }
    const std::shared_ptr<log_writer> file = file_;
    const std::uint64_t bytes = file->bytes();
    const std::uint64_t end = segments_.back().first + segments_.back().offsets.size();
    syncing_ = true;
    lock.unlock();
    std::exception_ptr failed;
    try {
      file->flush();
      // A newer run reads what was here when it took over: only that may be promised.
      if (options_.check_owner) options_.check_owner();
    } catch (const std::exception&) {
      failed = std::current_exception();
    }
    lock.lock();
    syncing_ = false;
    changed_.notify_all();
    if (file != file_) continue;  // a write failed meanwhile: what was synced is written again
    try {
      if (failed != nullptr) std::rethrow_exception(failed);
      file->synced(bytes);
      now_durable(end);
    } catch (const std::exception&) {
      fail();
    }
  }
  return true;
}

bool receiver_log::sync() {
  lock_type lock(mutex_);
  return sync(lock);
}

bool receiver_log::await(std::uint64_t before) {
  lock_type lock(mutex_);
  ++awaiting_;
  struct leaving {
    receiver_log& log;
    ~leaving() {
      if (--log.awaiting_ == 0) log.changed_.notify_all();
    }
  } const at_the_end{*this};
  while (durable_ < before) {
    if (sync(lock)) continue;
    if (released_) break;
    changed_.wait(lock, [&] { return released_ || file_ != nullptr; });
  }
  return durable_ >= before;
}

void receiver_log::release() {
  const lock_type lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool receiver_log::try_again() {
  const lock_type lock(mutex_);
  if (file_ != nullptr || closed_) return false;
  try {
    begin_segment(durable_);
  } catch (const std::exception&) {
    fail();
    return false;
  }
  try {
    for (log_entry& entry : unsynced_) write(entry);
    file_->sync();
    if (options_.check_owner) options_.check_owner();
  } catch (const std::exception&) {
    fail();
    (void)remove(segments_.back().path);
    segments_.pop_back();
    return false;
  }
  now_durable(next_);
  return true;
}

void receiver_log::close() noexcept {
  lock_type lock(mutex_);
  if (std::exchange(closed_, true)) return;
  released_ = true;
  changed_.notify_all();
  // A thread of the program's own may store while the stream ends.
  changed_.wait(lock, [this] { return awaiting_ == 0; });
  try {
    if (!sync(lock)) return;
    changed_.wait(lock, [this] { return !syncing_; });
    if (file_ == nullptr) return;
    file_->close();
    file_.reset();
  } catch (const std::exception& e) {
    log_error("the end of a receiver's log could not be written: " + describe(e));
  }
}

// ---- what is there

std::uint64_t receiver_log::first() const {
  const lock_type lock(mutex_);
  return segments_.front().first;
}
std::uint64_t receiver_log::next() const {
  const lock_type lock(mutex_);
  return next_;
}
std::uint64_t receiver_log::durable() const {
  const lock_type lock(mutex_);
  return durable_;
}
bool receiver_log::failing() const {
  const lock_type lock(mutex_);
  return file_ == nullptr && !closed_;
}
std::string receiver_log::failure() const {
  const lock_type lock(mutex_);
  return failure_;
}

std::string receiver_log::read(std::uint64_t entry) const {
  std::string path;
  std::uint64_t offset = 0;
  {
    const lock_type lock(mutex_);
    auto at = std::upper_bound(segments_.begin(), segments_.end(), entry,
                               [](std::uint64_t e, const segment& s) { return e < s.first; });
    if (at == segments_.begin() || entry - (--at)->first >= at->offsets.size())
      throw error("a receiver's log does not hold what a batch has read, entry " +
                  std::to_string(entry) + " of \"" + options_.directory + "\"");
    path = at->path;
    offset = at->offsets[static_cast<std::size_t>(entry - at->first)];
  }
  log_reader log(*options_.files, path, description);
  log.seek(offset);
  log_reader::entry found;
  if (!log.next(found))
    throw error("a receiver's log is damaged: \"" + path + "\" at offset " +
                std::to_string(offset));
  byte_reader in(found.bytes);
  if (in.u64() != entry)
    throw error("a receiver's log is damaged, an entry has the wrong number: \"" + path +
                "\" at offset " + std::to_string(offset));
  return std::string(found.bytes.substr(in.offset()));
}

void receiver_log::free(std::uint64_t before, std::span<const entries> needed) {
  lock_type lock(mutex_);
  for (std::size_t i = 0; i + 1 < segments_.size() && segments_[i + 1].first <= before;) {
    const entries held{segments_[i].first, segments_[i + 1].first};
    const bool wanted = std::any_of(needed.begin(), needed.end(), [&](const entries& one) {
      return one.first < held.end && held.first < one.end;
    });
    if (wanted) {
      ++i;
      continue;
    }
    const std::uint64_t number = segments_[i].number;
    const std::string path = segments_[i].path;
    lock.unlock();  // a large file takes the disk a while, and somebody wants to append
    // None past one that could not be removed, so that what is there has no gaps but for these.
    if (!remove(path)) return;
    lock.lock();
    std::erase_if(segments_, [&](const segment& one) { return one.number == number; });
  }
}

}  // namespace millrace::detail
