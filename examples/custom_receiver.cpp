// A source of one's own: readings of sensors, their mean each batch.
#include <millrace/millrace.hpp>

#include <thread>

using namespace std::chrono_literals;
namespace mr = millrace;

struct reading {
  int sensor;
  double value;
};

/// Stands for a device: a reading of each of four sensors every millisecond.
struct sensors : mr::receiver<reading> {
  void on_start() override {
    thread_ = std::thread([this] {
      for (int i = 0; !is_stopped(); ++i) {
        if (!store({i % 4, 20.0 + i % 4})) return;
        if (i % 4 == 3) std::this_thread::sleep_for(1ms);
      }
    });
  }
  void on_stop() override { thread_.join(); }

 private:
  std::thread thread_;
};

int main(int argc, char** argv) {
  return mr::launch(
      argc, argv, {.name = "CustomReceiver", .master = "local[2]", .batch = 100ms},
      [](mr::streaming_context& ssc) {
        ssc.receiver_stream(sensors{})
            .map([](const reading& r) { return std::pair{r.sensor, std::pair{r.value, 1}}; })
            .reduce_by_key([](const auto& a, const auto& b) {
              return std::pair{a.first + b.first, a.second + b.second};
            })
            .map_values([](const auto& sum) { return sum.first / sum.second; })
            .print();
      });
}
