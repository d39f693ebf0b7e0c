#include "connectors/file/commit_ledger.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "millrace/detail/base/hash.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

constexpr std::string_view title = "millrace file sink 1";
constexpr std::string_view last_line = "checksum ";

std::string checksum_of(std::string_view text) {
  std::array<char, 32> digits;
  const int n = std::snprintf(digits.data(), digits.size(), "%016llx",
                              static_cast<unsigned long long>(checksum(text.data(), text.size())));
  return {digits.data(), static_cast<std::size_t>(n)};
}

/// Takes what is before the next `end` off the front.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

struct damaged {
  std::string why;
};

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || text.empty())
    throw damaged{"this is no number: " + std::string(text)};
  return value;
}

}  // namespace

bool commit_ledger::holds(std::int64_t batch) const {
  if (pending_ && pending_->batch == batch) return true;
  return std::any_of(committed_.begin(), committed_.end(), [&](const run& r) {
    return batch == r.first || batch == r.last ||
           (r.step != 0 && batch > r.first && batch < r.last && (batch - r.first) % r.step == 0);
  });
}

void commit_ledger::add(std::int64_t batch) {
  if (!committed_.empty()) {
    run& last = committed_.back();
    if (last.step == 0 && batch > last.last) last.step = batch - last.last;
    if (last.step != 0 && batch - last.last == last.step) {
      last.last = batch;
      return;
    }
  }
  committed_.push_back({batch, batch, 0});
}

void commit_ledger::decide(pending_batch next, std::vector<held_file> held) {
  if (pending_) add(pending_->batch);
  pending_ = std::move(next);
  held_ = std::move(held);
}

void commit_ledger::show(written_files joined) {
  pending_->files = std::move(joined);
  held_.clear();
}

std::string commit_ledger::text() const {
  std::string all(title);
  all += '\n';
  for (const run& r : committed_)
    all += "batches " + std::to_string(r.first) + " " + std::to_string(r.last) + " " +
           std::to_string(r.step) + "\n";
  if (pending_) {
    all += "pending " + std::to_string(pending_->batch) + "\n";
    for (const written_file& file : pending_->files)
      all += "file " + file.temporary + " " + file.name + "\n";
  }
  for (const held_file& one : held_)
    all += "held " + std::to_string(one.batch) + " " + std::to_string(one.partition) + " " +
           std::to_string(one.header) + " " + std::to_string(one.bytes) + " " + one.place + " " +
           one.name + "\n";
  const std::string sum = checksum_of(all);
  all += last_line;
  all += sum;
  all += '\n';
  return all;
}

commit_ledger commit_ledger::parse(std::string_view text, const std::string& path) {
  try {
    const std::size_t end = text.rfind(last_line);
    if (end == std::string_view::npos || (end != 0 && text[end - 1] != '\n'))
      throw damaged{"it has no checksum"};
    if (!text.starts_with(title))
      throw damaged{"it is of another version: " + std::string(text.substr(0, text.find('\n')))};
    std::string_view body = text.substr(0, end);
    if (text.substr(end + last_line.size()) != checksum_of(body) + "\n")
      throw damaged{"its checksum does not fit"};

    commit_ledger ledger;
    (void)take(body, '\n');
    while (!body.empty()) {
      std::string_view line = take(body, '\n');
      const std::string_view word = take(line, ' ');
      if (word == "batches") {
        run r;
        r.first = number(take(line, ' '));
        r.last = number(take(line, ' '));
        r.step = number(line);
        if (r.step < 0 || r.last < r.first) throw damaged{"its batches go backwards"};
        ledger.committed_.push_back(r);
      } else if (word == "pending") {
        ledger.pending_ = pending_batch{number(line), {}};
      } else if (word == "file" && ledger.pending_) {
        const std::string_view temporary = take(line, ' ');
        ledger.pending_->files.push_back({std::string(temporary), std::string(line)});
      } else if (word == "held" && ledger.pending_) {
        held_file one;
        one.batch = number(take(line, ' '));
        one.partition = static_cast<int>(number(take(line, ' ')));
        one.header = static_cast<std::uint64_t>(number(take(line, ' ')));
        one.bytes = static_cast<std::uint64_t>(number(take(line, ' ')));
        one.place = take(line, ' ');
        one.name = line;
        if (one.header > one.bytes) throw damaged{"a file is shorter than its header"};
        ledger.held_.push_back(std::move(one));
      } else {
        throw damaged{"there is no such line: " + std::string(word)};
      }
    }
    return ledger;
  } catch (const damaged& found) {
    throw error("the list of what was committed to a directory is damaged (" + found.why +
                "); restore it, or remove it and the files of batches that run again: \"" + path +
                "\"");
  }
}

commit_ledger commit_ledger::read(file_system& files, const std::string& path) {
  if (!files.exists(path)) return {};
  const auto file = files.open_read(path);
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  text.resize(file->read_at(0, text.data(), text.size()));
  return parse(text, path);
}

void commit_ledger::write(file_system& files, const std::string& path,
                          const std::string& aside) const {
  const auto file = files.create(aside);
  file->write(text());
  file->sync();
  file->close();
  files.rename(aside, path);
  files.sync_directory(path.substr(0, path.rfind('/')));
}

}  // namespace millrace::detail
