// The functions by which a verilated model is used from outside: make, free, evaluate, ports, internals. The macro PUCE_PORTS lists the ports.
#include "Vdut.h"
#include "verilated.h"
#include "verilated_sym_props.h"
#include "verilated_syms.h"

#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#include "ports.h"

namespace {

struct Model {
    VerilatedContext context;
    Vdut dut{&context, "TOP"};
    std::string complaint;
};

// The model that this thread evaluates.
thread_local Model* current = nullptr;

void complain(const char* file, int line, const std::string& what) {
    if (current && current->complaint.empty()) {
        current->complaint = std::string(file ? file : "") + ":" + std::to_string(line) + ": " + what;
    }
}

}  // namespace

void vl_stop(const char* file, int line, const char*) { complain(file, line, "an assertion failed"); }

void vl_fatal(const char* file, int line, const char*, const char* what) {
    complain(file, line, what);
    throw std::runtime_error(what);
}

extern "C" {

struct puce_port {
    const char* name;
    void* data;
    uint32_t bits;
    uint32_t is_input;
};

struct puce_array {
    void* data;
    uint64_t bytes;
    uint64_t entry_bytes;
};

// Registers start at zero, or, with a seed that is not zero, at random.
Model* puce_new(uint32_t seed) {
    auto* model = new Model;
    model->context.randReset(seed ? 2 : 0);
    model->context.randSeed(static_cast<int>(seed & 0x7fffffff));
    return model;
}

void puce_free(Model* model) { delete model; }

// The first complaint of an assertion, or nothing.
const char* puce_eval(Model* model) {
    current = model;
    try {
        model->dut.eval();
    } catch (const std::exception& error) {
        complain("", 0, error.what());
    }
    return model->complaint.empty() ? nullptr : model->complaint.c_str();
}

// The number of ports; writes at most `room` of them.
uint32_t puce_ports(Model* model, puce_port* out, uint32_t room) {
    Vdut& dut = model->dut;
    const puce_port ports[] = {PUCE_PORTS};
    const uint32_t count = sizeof(ports) / sizeof(ports[0]);
    for (uint32_t i = 0; i < count && i < room; ++i) out[i] = ports[i];
    return count;
}

// The storage of the exposed variable `name` in the scope of this index among those that have one, in the order of their paths. The path is written to
// `path`, at most `room` bytes with the zero at the end.
uint32_t puce_internal(Model* model, const char* name, uint32_t index, char* path, uint32_t room, puce_array* out) {
    const VerilatedScopeNameMap* const scopes = model->context.scopeNameMap();
    if (!scopes) return 0;
    for (const auto& entry : *scopes) {
        const VerilatedVar* const var = entry.second->varFind(name);
        if (!var || index-- > 0) continue;
        std::strncpy(path, entry.first, room);
        if (room) path[room - 1] = 0;
        *out = {var->datap(), var->totalSize(), var->entSize()};
        return 1;
    }
    return 0;
}
}
