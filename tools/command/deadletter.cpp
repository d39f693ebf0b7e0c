// millrace deadletter list|show|replay DIR
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "commands.hpp"
#include "millrace/codec.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"
#include "storage/dead_letter_files.hpp"

namespace millrace::command {
namespace {

using namespace detail;

struct arguments {
  std::string directory;
  std::string source;
  std::string to;
  bool remove = false;
};

/// The files that were read.
std::vector<std::string> each(const arguments& given, const std::function<void(dead_letter&&)>& f) {
  file_system& files = file_system_for(given.directory);
  if (!files.exists(given.directory))
    throw usage_error("there is no such directory: \"" + given.directory + "\"");
  std::vector<std::string> paths = dead_letter_files(files, given.directory);
  for (const std::string& path : paths) {
    const std::string torn = read_dead_letters(files, path, [&](dead_letter&& letter) {
      if (given.source.empty() || letter.source == given.source) f(std::move(letter));
    });
    if (!torn.empty()) std::fprintf(stderr, "millrace: %s\n", torn.c_str());
  }
  return paths;
}

template <class T>
std::string text_of(const T& value) {
  std::string text;
  print_row(row_type_of<T>(), &value, text);
  return text;
}

/// One line, whatever the bytes are.
std::string escaped(std::string_view bytes) {
  std::string text;
  char code[8];
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') text += "\\\\";
    else if (c == '\n') text += "\\n";
    else if (c == '\r') text += "\\r";
    else if (c == '\t') text += "\\t";
    else if (byte >= 0x20 && byte < 0x7f) text += c;
    else std::snprintf(code, sizeof code, "\\x%02x", byte), text += code;
  }
  return text;
}

void list(const arguments& given) {
  struct of_source {
    std::int64_t letters = 0;
    std::size_t bytes = 0;
    dead_letter first, last;
  };
  std::map<std::string, of_source> sources;
  (void)each(given, [&](dead_letter&& letter) {
    of_source& one = sources[letter.source];
    one.bytes += letter.bytes.size();
    letter.bytes.clear();
    if (one.letters++ == 0) one.first = letter;
    one.last = std::move(letter);
  });
  if (sources.empty()) std::printf("no dead letters\n");
  for (const auto& [source, one] : sources)
    std::printf("%s: %lld letters, %zu bytes, %s to %s; the last: %s\n", escaped(source).c_str(),
                static_cast<long long>(one.letters), one.bytes, text_of(one.first.time).c_str(),
                text_of(one.last.time).c_str(), escaped(one.last.reason).c_str());
}

void show(const arguments& given) {
  (void)each(given, [](dead_letter&& letter) {
    std::printf("%s  %s%s%s%s%s\n  %s\n  %s\n", text_of(letter.time).c_str(),
                escaped(letter.source).c_str(), letter.position.empty() ? "" : ", ",
                escaped(letter.position).c_str(), letter.batch_time ? ", batch " : "",
                letter.batch_time ? text_of(*letter.batch_time).c_str() : "",
                escaped(letter.reason).c_str(), escaped(letter.bytes).c_str());
  });
}

void print_all(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size())
    throw error("the standard output can't be written");
}

/// Each record as a line. To a file under another name first: a stream may be watching for it.
void replay(const arguments& given) {
  if (given.remove && !given.source.empty())
    throw usage_error("--remove removes all letters, so it can't be used with --source");
  std::vector<std::string> read;
  if (given.to.empty()) {
    read = each(given, [](dead_letter&& letter) { print_all(letter.bytes + "\n"); });
    if (std::fflush(stdout) != 0) throw error("the standard output can't be written");
  } else {
    file_system& files = file_system_for(given.to);
    if (files.exists(given.to))
      throw usage_error("the file is there already: \"" + given.to + "\"");
    const std::string unfinished = given.to + ".tmp";
    const std::unique_ptr<output_file> out = files.create(unfinished);
    read = each(given, [&](dead_letter&& letter) { out->write(letter.bytes + "\n"); });
    out->sync();
    out->close();
    files.rename(unfinished, given.to);
    const auto slash = given.to.rfind('/');
    files.sync_directory(slash == std::string::npos ? "." : given.to.substr(0, slash + 1));
  }
  if (!given.remove) return;
  for (const std::string& path : read) file_system_for(path).remove_tree(path);
}

}  // namespace

void add_deadletter(CLI::App& app) {
  const auto given = std::make_shared<arguments>();
  CLI::App* const letters =
      app.add_subcommand("deadletter", "Bad records that were kept (on_bad_record = quarantine)");
  letters->require_subcommand(1);
  const auto add = [&](const char* name, const char* text) {
    CLI::App* const one = letters->add_subcommand(name, text);
    one->add_option("directory", given->directory,
                    "deadLetters.directory, or dead_letters in the checkpoint directory")
        ->required();
    one->add_option("--source", given->source, "those of this source alone");
    return one;
  };
  add("list", "How many each source has, since when, and the last reason")->callback([given] {
    list(*given);
  });
  add("show", "Each with time, source, position, batch, reason and bytes (escaped)")
      ->callback([given] { show(*given); });
  CLI::App* const again = add("replay", "Each record's bytes as they came, a line end behind each");
  again->add_option("--to", given->to,
                    "a new file, complete once it has this name; else the standard output");
  again->add_flag("--remove", given->remove, "removes the letters once all are written");
  again->callback([given] { replay(*given); });
}

}  // namespace millrace::command
