// Counts the words of files that are moved into a directory, for ever, in a table of SQLite.
//
//     word_totals_sqlite DIRECTORY FILE.db [--checkpoint DIRECTORY] [--conf NAME=VALUE]...
#include <millrace/millrace.hpp>
#include <millrace/sql.hpp>

#include <cstdio>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-' || argv[2][0] == '-') {
    std::fprintf(stderr, "Usage: %s DIRECTORY FILE.db [option]...\n", argv[0]);
    return 2;
  }
  const std::string url = std::string("sqlite:") + argv[2];
  try {
    mr::sql::execute(url, "CREATE TABLE IF NOT EXISTS totals (word TEXT PRIMARY KEY, n BIGINT)");
  } catch (const mr::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return mr::launch(
      argc, argv, {.name = "WordTotals", .batch = 200ms},
      [directory = argv[1], url](mr::streaming_context& ssc) {
        ssc.text_file_stream(directory)
            .flat_map(mr::words())
            .map([](std::string_view word) { return std::pair{word, 1}; })
            .update_state_by_key<std::int64_t>(
                [](std::span<const int> ones, std::optional<std::int64_t> before) {
                  return std::optional(before.value_or(0) + static_cast<std::int64_t>(ones.size()));
                })
            .named("totals")
            .write(mr::sql::upsert{
                .url = url, .table = "totals", .key = {"word"}, .columns = {"word", "n"}});
      });
}
