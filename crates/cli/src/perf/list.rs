//! `puce perf list`.

use crate::failure::Result;
use crate::ui::{self, Align};
use ::perf::device::Device;
use ::perf::network::{self, Body, Known};
use serde_json::{Value, json};

/// Prints networks and devices.
pub fn run(as_json: bool) -> Result {
    let devices = Device::list();
    if as_json {
        let networks: Vec<Value> = network::list().iter().map(network_json).collect();
        let devices: Vec<Value> = devices.iter().map(device_json).collect();
        return ui::json(&json!({ "networks": networks, "devices": devices }));
    }
    let (left, right) = (Align::Left, Align::Right);
    let rows: Vec<Vec<String>> = network::list().iter().map(network_row).collect();
    let head =
        [("network", left), ("weights", right), ("active", right), ("cache per token", right), ("published as", left)];
    let mut text = ui::table(&head, &rows);
    let rows: Vec<Vec<String>> = devices.iter().map(device_row).collect();
    let head =
        [("device", left), ("of", left), ("since", left), ("memory", right), ("bandwidth", right), ("power", right)];
    text += &format!("\n{}", ui::table(&head, &rows));
    ui::print(&text)
}

fn network_row(known: &Known) -> Vec<String> {
    let (active, cache) = match &known.body {
        Body::Language(shape) => {
            // What one more position adds to a long sequence.
            let cache =
                shape.cache_bytes(shape.context, &known.formats) - shape.cache_bytes(shape.context - 1, &known.formats);
            (ui::large(shape.active_parameters()), ui::bytes(cache as u64))
        }
        Body::Image(_) => ("-".into(), "-".into()),
    };
    let name = known.aliases.first().cloned().unwrap_or_default();
    vec![ui::styled(ui::STRONG, &known.key), ui::large(known.parameters as f64), active, cache, name]
}

fn network_json(known: &Known) -> Value {
    json!({
        "name": known.key,
        "title": known.title,
        "aliases": known.aliases,
        "parameters": known.parameters,
        "formats": known.formats.to_string(),
        "source": known.source,
    })
}

fn device_row(device: &Device) -> Vec<String> {
    vec![
        ui::styled(ui::STRONG, &device.key),
        device.vendor.clone(),
        device.available.clone(),
        format!("{} {}", ui::capacity(device.memory.capacity), device.memory.kind),
        device.memory.bandwidth.to_string(),
        device.power.to_string(),
    ]
}

fn device_json(device: &Device) -> Value {
    json!({
        "name": device.key,
        "title": device.name,
        "vendor": device.vendor,
        "available": device.available,
        "memory_bytes": device.memory.capacity.0,
        "memory_bytes_per_second": device.memory.bandwidth.0,
        "power_watts": device.power.0,
    })
}
