// Writes the files of a batch aside, and gives them their names when it is committed.
#include "millrace/detail/file/part_files.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "connectors/file/commit_ledger.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/detail/formats/csv_text.hpp"
#include "millrace/detail/formats/row_text.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {

class file_output_state {
 public:
  std::mutex mutex;
  // Outputs that this run has begun to write, by where they keep what they must know: the directory
  // of this run there. Both below the sink's directory.
  std::map<std::string, std::string> begun;
};

std::shared_ptr<file_output_state> new_file_output() noexcept {
  try {
    return std::make_shared<file_output_state>();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

namespace {

constexpr std::size_t large_write = std::size_t{64} << 10;

/// A name as part of a file's: without what separates, hides or leads elsewhere.
std::string as_file_name(std::string_view name) {
  std::string safe;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool inside = (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (letter || (inside && !(safe.empty() && c == '_'))) {
      safe += c;
      continue;
    }
    std::array<char, 8> code;
    (void)std::snprintf(code.data(), code.size(), "%%%02X", static_cast<unsigned char>(c));
    safe += code.data();
  }
  return safe.empty() ? "%" : safe;
}

std::string digits(int number, const char* format) {
  std::array<char, 32> text;
  const int n = std::snprintf(text.data(), text.size(), format, number);
  return {text.data(), static_cast<std::size_t>(n)};
}

std::int64_t milliseconds_of(const output_id& id) { return id.batch.time_since_epoch().count(); }

/// Where an output keeps what it must know, below the directory.
std::string home_of(const output_id& id) {
  return "_millrace/" + as_file_name(id.application) + "/" + as_file_name(id.operation);
}

std::string below(const std::string& directory, std::string_view path) {
  return directory + "/" + std::string(path);
}

/// Gives the files of a decided batch their names, those that have them left out.
void publish(file_system& files, const std::string& directory, const written_files& decided) {
  std::set<std::string> changed;  // directories
  for (const written_file& file : decided) {
    if (!files.exists(below(directory, file.temporary))) continue;
    const std::string name = below(directory, file.name);
    files.rename(below(directory, file.temporary), name);
    changed.insert(name.substr(0, name.rfind('/')));
  }
  for (const std::string& one : changed) files.sync_directory(one);
}

void make_durable_directories(file_system& files, const std::string& directory,
                              std::string_view path) {
  files.make_directories(below(directory, path));
  std::string at = directory;
  const std::size_t slash = at.find_last_not_of('/') == std::string::npos
                                ? std::string::npos
                                : at.rfind('/', at.find_last_not_of('/'));
  files.sync_directory(slash == std::string::npos ? "." : at.substr(0, slash + 1));
  for (std::size_t from = 0; from != std::string_view::npos;) {
    files.sync_directory(at);
    const std::size_t to = path.find('/', from + 1);
    at = below(directory, path.substr(0, to));
    from = to;
  }
}

/// So that no character of it is taken for a pattern's.
std::string literally(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (std::string_view("*?[]{}\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string new_run() {
  std::array<char, 32> name;
  std::random_device chance;
  const int n = std::snprintf(name.data(), name.size(), "run-%08x%08x",
                              static_cast<unsigned>(chance()), static_cast<unsigned>(chance()));
  return {name.data(), static_cast<std::size_t>(n)};
}

/// Where runs before this one kept what they wrote.
std::vector<std::string> other_runs(file_system& files, const std::string& home,
                                    const std::string& own) {
  std::vector<std::string> others;
  for (const file_info& mark : files.list(literally(home) + "/run-*/writer")) {
    std::string run = mark.path.substr(0, mark.path.rfind('/'));
    if (run != own) others.push_back(std::move(run));
  }
  return others;
}

/// Removes files that waited to be put together, and were.
void remove_unheld(file_system& files, const std::string& directory, const std::string& home,
                   const commit_ledger& ledger) {
  const std::string place = below(directory, home + "/held");
  if (!files.exists(place)) return;
  for (const file_info& file : files.list(place)) {
    const bool wanted =
        std::any_of(ledger.held().begin(), ledger.held().end(), [&](const held_file& one) {
          return file.path.ends_with(one.place.substr(one.place.rfind('/')));
        });
    if (!wanted) files.remove_tree(file.path);
  }
}

/// What it committed before, and room for what it is going to write: with the first batch of a run
/// of the program, what an earlier run began is finished, if it was decided, and else removed.
commit_ledger begin(const file_output& to, const output_id& batch, file_system& files) {
  if (to.directory.empty()) throw usage_error("a file sink: the directory is missing");
  const std::string home = home_of(batch);
  const std::string ledger_path = below(to.directory, home + "/commits");
  const auto publish_pending = [&](const commit_ledger& ledger) {
    if (ledger.pending()) publish(files, to.directory, ledger.pending()->files);
  };
  if (to.state->begun.count(home) != 0) {
    commit_ledger ledger = commit_ledger::read(files, ledger_path);
    publish_pending(ledger);
    return ledger;
  }
  const std::string run = home + "/" + new_run();
  make_durable_directories(files, to.directory, run + "/commit");
  files.make_directories(below(to.directory, run + "/parts"));
  const std::unique_ptr<output_file> mark = files.create_new(below(to.directory, run + "/writer"));
  mark->sync();
  mark->close();
  // First of all, runs before this one lose the place that they need for a commit: one that was cut
  // off and comes back either has decided a batch before the list is read below, or never will.
  const std::vector<std::string> others =
      other_runs(files, below(to.directory, home), below(to.directory, run));
  for (const std::string& other : others) files.remove_tree(other + "/commit");
  commit_ledger ledger = commit_ledger::read(files, ledger_path);
  publish_pending(ledger);
  for (const std::string& other : others) files.remove_tree(other);
  remove_unheld(files, to.directory, home, ledger);
  to.state->begun.emplace(home, run);
  return ledger;
}

/// Of an output that was asked whether it has the batch.
std::string run_of(const file_output& to, const output_id& id) {
  const std::lock_guard lock(to.state->mutex);
  const auto found = to.state->begun.find(home_of(id));
  if (found == to.state->begun.end())
    throw usage_error("a file sink: `committed` is asked before anything is prepared");
  return found->second;
}

}  // namespace

namespace {

/// What the ledger says becomes true, and then seen. `joined`: what the files were made of.
void settle(const file_output& to, const output_id& batch, const commit_ledger& ledger,
            const std::vector<held_file>& joined) {
  file_system& files = file_system_for(to.directory);
  const std::string home = home_of(batch);
  const std::string place = below(to.directory, to.state->begun.at(home) + "/commit");
  if (!files.exists(place))
    throw error(
        "another run of the program has begun to write to this directory, and this one may not any "
        "more: \"" +
        to.directory + "\"");
  ledger.write(files, below(to.directory, home + "/commits"), place + "/commits");
  publish(files, to.directory, ledger.pending()->files);
  for (const held_file& one : joined) files.remove_tree(below(to.directory, one.place));
}

/// Where batches are put together: this one waits for those that follow, or all of them are seen.
void commit_held(const file_output& to, const output_id& batch,
                 commit_ledger::pending_batch decided, const std::vector<written_files>& partitions,
                 commit_ledger ledger) {
  file_system& files = file_system_for(to.directory);
  const std::string home = home_of(batch);
  std::vector<held_file> held = ledger.held();
  for (std::size_t p = 0; p < partitions.size(); ++p)
    for (const written_file& file : partitions[p])
      held.push_back(
          {decided.batch, static_cast<int>(p), file.header, file.bytes, file.temporary, file.name});
  if (is_due(held, decided.batch, to.options)) {
    decided.files =
        joined(files, to.directory, to.state->begun.at(home) + "/parts", held, to.options);
    ledger.decide(std::move(decided));
    return settle(to, batch, ledger, held);
  }
  files.make_directories(below(to.directory, home + "/held"));
  files.sync_directory(below(to.directory, home));
  // They leave the directory of this run, which the next one removes.
  decided.files.clear();
  for (held_file& one : held) {
    if (one.batch != decided.batch) continue;
    const std::string place = home + "/held" + one.place.substr(one.place.rfind('/'));
    decided.files.push_back({one.place, place});
    one.place = place;
  }
  ledger.decide(std::move(decided), std::move(held));
  settle(to, batch, ledger, {});
}

}  // namespace

bool files_committed(const file_output& to, const output_id& batch) {
  if (to.state == nullptr) throw std::bad_alloc();
  const std::lock_guard lock(to.state->mutex);
  return begin(to, batch, file_system_for(to.directory)).holds(milliseconds_of(batch));
}

void commit_files(const file_output& to, const output_id& batch,
                  const std::vector<written_files>& partitions) {
  const std::lock_guard lock(to.state->mutex);
  file_system& files = file_system_for(to.directory);
  commit_ledger ledger = begin(to, batch, files);
  if (ledger.holds(milliseconds_of(batch))) return;
  commit_ledger::pending_batch decided{milliseconds_of(batch), {}};
  for (const written_files& partition : partitions)
    decided.files.insert(decided.files.end(), partition.begin(), partition.end());
  if (to.options.roll_interval.count() == 0 && ledger.held().empty()) {
    ledger.decide(std::move(decided));
    return settle(to, batch, ledger, {});
  }
  commit_held(to, batch, std::move(decided), partitions, std::move(ledger));
}

void show_held_files(const file_output& to, const output_id& last) {
  const std::lock_guard lock(to.state->mutex);
  const auto run = to.state->begun.find(home_of(last));
  if (run == to.state->begun.end()) return;
  file_system& files = file_system_for(to.directory);
  commit_ledger ledger = begin(to, last, files);
  if (ledger.held().empty()) return;
  const std::vector<held_file> held = ledger.held();
  ledger.show(joined(files, to.directory, run->second + "/parts", held, to.options));
  settle(to, last, ledger, held);
}

struct part_writer::open_file {
  std::unique_ptr<output_file> bytes;
  std::uint64_t size = 0;
};

part_writer::part_writer(const file_output& to, const output_id& id, file_format format)
    : to_(to), format_(std::move(format)) {
  // What waits to be put together is compressed then.
  codec_ = compression_named(to.options.compression);
  end_ = std::string(format_.extension) + std::string(extension_of(codec_));
  if (to.options.roll_interval.count() != 0) codec_ = compression::none;
  const std::string batch = std::to_string(milliseconds_of(id));
  const std::string partition = digits(id.partition, "%05d");
  temporary_ =
      run_of(to, id) + "/parts/" + batch + "." + partition + "." + std::to_string(id.attempt);
  name_ = as_file_name(id.application) + "." + as_file_name(id.operation) + "." + batch + "." +
          partition;
  if (to.options.empty_files) open();
}

part_writer::~part_writer() {
  if (finished_) return;
  file_.reset();
  file_system& files = file_system_for(to_.directory);
  for (const written_file& file : files_) {
    try {
      files.remove_tree(below(to_.directory, file.temporary));
    } catch (const std::exception& e) {
      log_warn("what a failed task wrote is left until the program starts again: " +
               std::string(e.what()));
    }
  }
}

void part_writer::open() {
  const int number = static_cast<int>(files_.size());
  const std::string which = to_.options.roll_bytes == 0 ? "" : digits(number, ".%04d");
  files_.push_back({temporary_ + "." + std::to_string(number), name_ + which + end_});
  file_ = std::make_unique<open_file>();
  file_->bytes = compressed(
      file_system_for(to_.directory).create(below(to_.directory, files_.back().temporary)), codec_);
  text_ += format_.header;
  files_.back().header = format_.header.size();
}

void part_writer::add(const void* row) {
  if (file_ == nullptr) open();
  format_.print(format_.state.get(), row, text_);
  const bool full =
      to_.options.roll_bytes != 0 && file_->size + text_.size() >= to_.options.roll_bytes;
  if (full || text_.size() >= large_write) flush();
  if (full) end();
}

void part_writer::flush() {
  file_->bytes->write(text_);
  file_->size += text_.size();
  text_.clear();
}

void part_writer::end() {
  flush();
  files_.back().bytes = file_->size;
  file_->bytes->sync();
  file_->bytes->close();
  file_.reset();
}

written_files part_writer::finish() {
  if (file_ != nullptr) end();
  // The names in the directory of parts: before the batch is decided on them.
  if (!files_.empty())
    file_system_for(to_.directory)
        .sync_directory(below(to_.directory, temporary_.substr(0, temporary_.rfind('/'))));
  finished_ = true;
  return std::move(files_);
}

file_format text_lines(const row_type& rows) {
  return {".txt",
          {},
          std::shared_ptr<const void>(std::shared_ptr<void>(), &rows),
          [](const void* type, const void* row, std::string& out) {
            print_row(*static_cast<const row_type*>(type), row, out);
            out += '\n';
          }};
}

file_format json_lines(const row_columns& columns) {
  return {".json",
          {},
          std::make_shared<const row_columns>(columns),
          [](const void* all, const void* row, std::string& out) {
            print_json(*static_cast<const row_columns*>(all), row, out);
            out += '\n';
          }};
}

file_format csv_lines(const row_columns& columns, char delimiter, bool header) {
  auto printer = std::make_shared<const csv_printer>(columns, delimiter);
  std::string first = header ? printer->header() : std::string();
  return {".csv", std::move(first), std::move(printer),
          [](const void* to, const void* row, std::string& out) {
            static_cast<const csv_printer*>(to)->print(row, out);
          }};
}

}  // namespace millrace::detail
