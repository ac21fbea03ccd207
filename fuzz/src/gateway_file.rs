//! The gateway's configuration file.

use gateway::config::Config;

pub fn body(data: &[u8]) {
    match Config::parse("gateway.toml", data) {
        Ok(config) => {
            config.notes();
            assert!(!config.listeners.is_empty());
        }
        Err(problems) => {
            assert!(problems.iter().next().is_some());
            assert!(problems.to_string().len() < 4096 + 4 * data.len());
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let files: [&[u8]; 4] = [
        include_bytes!("../../gateway/examples/both-sides-client.toml"),
        include_bytes!("../../gateway/examples/both-sides-server.toml"),
        include_bytes!("../../gateway/examples/entrance.toml"),
        include_bytes!("../../gateway/examples/httpbin.toml"),
    ];
    files.map(<[u8]>::to_vec).to_vec()
}
