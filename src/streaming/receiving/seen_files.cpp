#include "streaming/receiving/seen_files.hpp"

#include <utility>

namespace millrace::detail {
namespace {

std::string identity(const file_info& file) {
  if (file.inode == 0) return file.path;
  return std::to_string(file.device) + ":" + std::to_string(file.inode);
}

}  // namespace

seen_files::news seen_files::look(std::vector<file_info> listing, time_point_ms now) {
  news result;
  for (file_info& file : listing) {
    if (file.size == 0) continue;
    const auto [at, fresh] =
        seen_.try_emplace(identity(file), entry{file.path, file.size, file.modified, now});
    entry& known = at->second;
    const bool changed = known.size != file.size || known.modified != file.modified;
    // An inode is given to a new file once the old one is gone.
    const bool another = changed && known.path != file.path;
    if (!fresh && changed && !another) result.changed.push_back(file.path);
    known = {file.path, file.size, file.modified, now};
    if (fresh || another) result.fresh.push_back(std::move(file));
  }
  if (now - swept_ >= forget_after_) {
    swept_ = now;
    std::erase_if(seen_, [&](const auto& one) { return now - one.second.last > forget_after_; });
  }
  return result;
}

void seen_files::add(std::vector<record> seen) {
  for (record& one : seen) seen_.insert_or_assign(std::move(one.first), std::move(one.second));
}

void seen_files::add(const file_info& file, time_point_ms now) {
  seen_.insert_or_assign(identity(file), entry{file.path, file.size, file.modified, now});
}

}  // namespace millrace::detail
