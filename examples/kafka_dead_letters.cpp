// Records that are no number go to a topic of their own, as they came, with where and why in their
// headers; the sum of the numbers of each key goes to another. Whoever mended them sends them to
// the first topic again. kafka_dead_letters BROKERS NUMBERS SUMS DEAD_LETTERS [--checkpoint
// DIRECTORY]…
#include <millrace/kafka.hpp>
#include <millrace/millrace.hpp>

#include <charconv>
#include <iostream>
#include <optional>

using namespace std::chrono_literals;
namespace mr = millrace;

/// What a record is: a number, or why it is none.
struct reading {
  std::int64_t number = 0;
  std::string_view trouble;
};

reading read(const mr::kafka::record& r) {
  if (r.value_is_null) return {.trouble = "has no value"};
  reading is;
  const char* const end = r.value.data() + r.value.size();
  const auto [at, code] = std::from_chars(r.value.data(), end, is.number);
  if (code == std::errc::result_out_of_range) return {.trouble = "is too large"};
  if (code != std::errc{} || at != end) return {.trouble = "is no number"};
  return is;
}

mr::kafka::message dead_letter(const mr::kafka::record& r, std::string_view trouble) {
  mr::kafka::message letter{.timestamp = r.timestamp};
  if (!r.key_is_null) letter.key = r.key;
  if (!r.value_is_null) letter.value = r.value;
  for (const mr::kafka::header& h : r.headers) letter.headers.emplace_back(h.name, h.value);
  letter.headers.emplace_back("dead.reason", trouble);
  letter.headers.emplace_back("dead.topic", r.topic);
  letter.headers.emplace_back("dead.partition", std::to_string(r.partition));
  letter.headers.emplace_back("dead.offset", std::to_string(r.offset));
  return letter;
}

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: kafka_dead_letters BROKERS NUMBERS SUMS DEAD_LETTERS "
                 "[--checkpoint DIRECTORY]\n";
    return 2;
  }
  const std::string brokers = argv[1];
  const std::string numbers = argv[2];
  const std::string sums = argv[3];
  const std::string dead = argv[4];
  return mr::launch(
      argc - 4, argv + 4, {.name = "KafkaDeadLetters", .batch = 200ms},
      [&](mr::streaming_context& ssc) {
        auto records = ssc.stream(mr::kafka::topics{
            .brokers = brokers, .names = {numbers}, .start = mr::kafka::earliest});
        // Each of the two reads a record by itself, which is cheaper than keeping what the other
        // found. Both topics have what is of a batch once.
        records
            .flat_map([](const mr::kafka::record& r,
                         mr::emit<std::pair<std::string_view, std::int64_t>>& out) {
              if (const reading is = read(r); is.trouble.empty()) out({r.key, is.number});
            })
            .reduce_by_key(std::plus<>{})
            .named("sums")
            .write(mr::kafka::topic{.brokers = brokers, .name = sums});
        records
            .flat_map([](const mr::kafka::record& r, mr::emit<mr::kafka::message>& out) {
              if (const reading is = read(r); !is.trouble.empty()) out(dead_letter(r, is.trouble));
            })
            .named("dead letters")
            .write(mr::kafka::topic{.brokers = brokers, .name = dead});
      });
}
