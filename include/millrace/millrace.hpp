// Everything but the connectors, which have a header each, and millrace/testing.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "millrace/barrier.hpp"
#include "millrace/codec.hpp"
#include "millrace/context.hpp"
#include "millrace/dstream.hpp"
#include "millrace/error.hpp"
#include "millrace/launch.hpp"
#include "millrace/partition_rows.hpp"
#include "millrace/partitioner.hpp"
#include "millrace/rdd.hpp"
#include "millrace/receiver.hpp"
#include "millrace/rows.hpp"
#include "millrace/sink.hpp"
#include "millrace/source.hpp"
#include "millrace/split.hpp"
#include "millrace/state.hpp"
#include "millrace/storage_level.hpp"
#include "millrace/streaming_context.hpp"
#include "millrace/streaming_listener.hpp"
