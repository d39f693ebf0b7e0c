#include "millrace/dead_letters.hpp"

#include "millrace/detail/base/log.hpp"
#include "storage/dead_letter_files.hpp"

namespace millrace {

rdd<dead_letter> dead_letters(const context& sc, const std::string& directory) {
  using namespace detail;
  const std::vector<std::string> paths = dead_letter_files(file_system_for(directory), directory);
  const int files = static_cast<int>(paths.size());
  return sc.parallelize(paths, files == 0 ? 1 : files)
      .flat_map([](const std::string& path, emit<dead_letter>& out) {
        const std::string torn = read_dead_letters(file_system_for(path), path,
                                                   [&](dead_letter&& one) { out(std::move(one)); });
        if (!torn.empty()) log_warn(torn);
      });
}

}  // namespace millrace
