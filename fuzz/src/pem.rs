//! The reader of PEM files.

use mtls::pki::pem::blocks;

use crate::seeds::SEEDS;

pub fn body(data: &[u8]) {
    let mut line = 0;
    let mut blocks = blocks(data);
    for block in &mut blocks {
        let Ok(block) = block else { break };
        assert!(block.line > line, "lines must go up");
        line = block.line;
    }
    assert!(blocks.next().is_none(), "nothing must follow an end or an error");
    assert!(line <= data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = &*SEEDS;
    let (root, list) = (seeds.authority.root().pem(), seeds.list.pem());
    let (chain, key) = (seeds.below.chain_pem(), seeds.below.key_pem());
    let texts = [
        format!("{root}{list}{list}"),
        format!("\u{feff}# a comment\r\n{}", chain.replace('\n', "\r\n")),
        format!("Bag Attributes\n    friendlyName: x\n{key}{chain}"),
        format!("{}{}", list.trim_end(), list),
    ];
    texts.map(String::into_bytes).to_vec()
}
