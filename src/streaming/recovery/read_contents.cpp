// From the files of a directory to what they say together.
#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "millrace/error.hpp"
#include "streaming/recovery/batch_log.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"
#include "streaming/recovery/checkpoint_file.hpp"

namespace millrace::detail {
namespace {

void read_generations(file_system& files, directory_contents& contents) {
  for (auto& one : contents.generations) {
    try {
      one.content = read_checkpoint(files, one.path);
    } catch (const error& e) {
      one.damage = e.what();
    }
  }
}

/// The logs that follow one another from a checkpoint's own to the newest, with their heads.
std::vector<std::pair<std::string, log_head>> chain_to(
    file_system& files, const std::map<std::uint64_t, std::string>& logs, std::uint64_t first) {
  std::vector<std::pair<std::string, log_head>> chain;
  std::uint64_t wanted = 0;  // the next one back; 0: any
  for (auto at = logs.rbegin(); at != logs.rend() && at->first >= first; ++at) {
    if (wanted != 0 && at->first != wanted) continue;
    const batch_log_reader log(files, at->second);
    if (!log.has_head()) {
      if (wanted == 0) continue;
      throw error("a batch log is empty that others follow: \"" + at->second + "\"");
    }
    chain.emplace_back(at->second, log.head());
    if (at->first == first) {
      std::reverse(chain.begin(), chain.end());
      return chain;
    }
    wanted = log.head().after;
  }
  throw error("a batch log is missing, of number " + std::to_string(wanted == 0 ? first : wanted));
}

/// Whether the logs from `first` on hold nothing but heads.
bool empty(file_system& files, const std::vector<std::pair<std::string, log_head>>& chain,
           std::size_t first) {
  for (std::size_t i = first; i < chain.size(); ++i) {
    batch_log_reader log(files, chain[i].first);
    log_record record;
    if (log.next(record)) return false;
  }
  return true;
}

}  // namespace

std::uint64_t number_of(std::string_view path, std::string_view kind) {
  const auto slash = path.rfind('/');
  std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (!name.starts_with(kind)) return 0;
  name.remove_prefix(kind.size());
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  return code == std::errc() && end == name.data() + name.size() ? number : 0;
}

directory_contents read_contents(file_system& files, const std::string& directory) {
  directory_contents contents;
  std::map<std::uint64_t, std::string> logs;
  if (!files.exists(directory)) return contents;
  for (const file_info& file : files.list(directory)) {
    if (const std::uint64_t number = number_of(file.path, "checkpoint-"); number != 0) {
      contents.generations.push_back({number, file.path, {}, {}});
      contents.highest = std::max(contents.highest, number);
    } else if (const std::uint64_t log = number_of(file.path, "log-"); log != 0) {
      logs.emplace(log, file.path);
      contents.highest = std::max(contents.highest, log);
    }
  }
  std::sort(contents.generations.begin(), contents.generations.end(),
            [](const auto& a, const auto& b) { return a.number > b.number; });
  read_generations(files, contents);
  const auto newest = std::find_if(contents.generations.begin(), contents.generations.end(),
                                   [](const auto& one) { return one.content.has_value(); });
  if (newest == contents.generations.end()) {
    if (!contents.generations.empty())
      throw error("none of the checkpoints can be read. The newest: " +
                  contents.generations.front().damage);
    return contents;
  }
  for (auto damaged = contents.generations.begin(); damaged != newest; ++damaged)
    contents.notices.push_back(
        "a checkpoint can't be read, and the one before is taken, with the "
        "batch logs since: " +
        damaged->damage);

  checkpoint now = *newest->content;
  contents.epoch = now.epoch;
  const auto chain = chain_to(files, logs, now.number);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const std::string& path = chain[i].first;
    const bool last = i + 1 == chain.size();
    const std::uint64_t most = last ? log_head::all : chain[i + 1].second.after_entries;
    batch_log_reader log(files, path);
    log_record record;
    std::uint64_t entries = 0;
    while (entries < most && log.next(record)) {
      ++entries;
      try {
        apply(record, now);
      } catch (const error& e) {
        throw error(std::string(e.what()) + ": \"" + path + "\"");
      }
    }
    if (!last && most == log_head::all && !log.closed() && !empty(files, chain, i + 1))
      throw error("a batch log ends before its end mark, and others follow it: \"" + path + "\"");
    if (!last && most != log_head::all && entries < most)
      throw error("a batch log is shorter than the one after it says; entries: " +
                  std::to_string(entries) + " of " + std::to_string(most) + ": \"" + path + "\"");
    if (last) {
      if (std::string text = log.torn_text(); !text.empty())
        contents.notices.push_back(std::move(text));
      contents.newest_log = chain[i].second.number;
      contents.newest_log_entries = entries;
    }
    contents.epoch = std::max(contents.epoch, chain[i].second.epoch);
  }
  forget_done(now);
  contents.now = std::move(now);
  return contents;
}

}  // namespace millrace::detail
