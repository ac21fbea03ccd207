//! The authority's files of an identity directory: the content of its `ca.crt` and `ca.crl`.

use std::collections::BTreeSet;

use crate::Certificate;
use crate::record::key_identifier;
use crate::signed_list::SignedList;

/// The currently trusted roots of this authority, and their lists.
pub(crate) struct TrustFiles {
    /// The key identifiers of all present and former roots.
    ours: BTreeSet<String>,
    lists: Vec<SignedList>,
    roots: Vec<Certificate>,
    /// All roots that can sign, trusted or not.
    signers: Vec<Certificate>,
}

/// The content of the two files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TrustTexts {
    pub(crate) lists: String,
    pub(crate) roots: String,
}

impl TrustFiles {
    pub(crate) fn new(
        roots: Vec<Certificate>,
        lists: Vec<SignedList>,
        signers: Vec<Certificate>,
        ours: BTreeSet<String>,
    ) -> Self {
        Self { ours, lists, roots, signers }
    }

    /// Whether one of our roots signed this leaf.
    pub(crate) fn signed(&self, leaf: &Certificate) -> bool {
        self.roots.iter().any(|root| root.signed(leaf))
    }

    /// Whether a directory with this `ca.crt` and this leaf follows the roots that can sign now;
    /// a directory of a former root does not.
    pub(crate) fn concerns(&self, roots: &str, leaf: Option<&Certificate>) -> bool {
        let roots = Certificate::read_all(roots).unwrap_or_default();
        self.signers.iter().any(|signer| {
            roots.iter().any(|root| root.der() == signer.der())
                || leaf.is_some_and(|leaf| signer.signed(leaf))
        })
    }

    /// The authority's own roots and lists only.
    pub(crate) fn alone(&self) -> TrustTexts {
        TrustTexts {
            lists: self.lists.iter().map(|list| list.pem.as_str()).collect(),
            roots: self.roots.iter().map(Certificate::pem).collect(),
        }
    }

    /// The authority's own in place of its former ones, then those that others added.
    pub(crate) fn beside_others(&self, present: &TrustTexts) -> TrustTexts {
        let mut texts = self.alone();
        let roots = Certificate::read_all(&present.roots).unwrap_or_default();
        // If the file never had a root of ours, ours is not added to it.
        if !roots.iter().any(|root| self.is_ours(root)) {
            return texts;
        }
        for root in roots {
            if !self.is_ours(&root) {
                texts.roots.push_str(root.pem());
            }
        }
        for list in SignedList::read_all(&present.lists) {
            if !self.ours.contains(&list.key_identifier) {
                texts.lists.push_str(&list.pem);
            }
        }
        texts
    }

    fn is_ours(&self, root: &Certificate) -> bool {
        self.ours.contains(&key_identifier(root))
    }
}

impl TrustTexts {
    /// The file with a block that cannot be read, and so would be lost if the file was
    /// rewritten.
    pub(crate) fn damaged(&self) -> Option<&'static str> {
        let roots = Certificate::read_all(&self.roots).unwrap_or_default();
        let lists = SignedList::read_all(&self.lists);
        let rest_of = |text: &str, blocks: &mut dyn Iterator<Item = &str>| {
            blocks.fold(text.to_owned(), |rest, block| rest.replacen(block.trim_end(), "", 1))
        };
        if is_of_a_block(&rest_of(&self.roots, &mut roots.iter().map(Certificate::pem))) {
            return Some("ca.crt");
        }
        let lists = rest_of(&self.lists, &mut lists.iter().map(|list| list.pem.as_str()));
        is_of_a_block(&lists).then_some("ca.crl")
    }

    /// Whether `present` contains all of these roots, so that none is added.
    ///
    /// A list is never without its root: a reader would treat it as an intermediate's. So
    /// roots are added before their lists, and removed after them.
    pub(crate) fn adds_no_root_to(&self, present: &Self) -> bool {
        let present = Certificate::read_all(&present.roots).unwrap_or_default();
        let wanted = Certificate::read_all(&self.roots).unwrap_or_default();
        wanted.iter().all(|root| present.iter().any(|other| other.der() == root.der()))
    }
}

/// Whether a text has a PEM boundary, even a damaged one, or a line of base64; a fingerprint
/// has hexadecimal digits only.
fn is_of_a_block(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    text.contains("-----")
        || text.lines().map(str::trim).any(|line| {
            line.len() >= 32
                && line.bytes().all(is_base64)
                && !line.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use super::{TrustFiles, TrustTexts};
    use crate::record::key_identifier;
    use crate::signed_list::SignedList;
    use crate::{Authority, AuthorityRequest, RevocationListRequest};

    #[test]
    fn ours_are_replaced_and_those_of_others_stay() {
        let [old, new, foreign] = [(), (), ()].map(|()| root());
        let ours = [&old, &new].map(|(authority, _)| key_identifier(authority.root()));
        let trust = TrustFiles::new(
            vec![new.0.root().clone()],
            SignedList::read_all(&new.1),
            vec![new.0.root().clone()],
            ours.into_iter().collect(),
        );
        let present = texts(&[&old, &foreign]);

        let merged = trust.beside_others(&present);

        assert_eq!(merged, texts(&[&new, &foreign]));
        assert_eq!(trust.alone(), texts(&[&new]));
        assert_eq!(trust.beside_others(&texts(&[&foreign])), texts(&[&new]));
        assert!(trust.concerns(&texts(&[&foreign, &new]).roots, None));
        assert!(!trust.concerns(&texts(&[&foreign, &old]).roots, None));
    }

    #[test]
    fn roots_are_added_or_only_removed() {
        let [old, new] = [(), ()].map(|()| root());

        assert!(texts(&[&old]).adds_no_root_to(&texts(&[&old, &new])));
        assert!(!texts(&[&old, &new]).adds_no_root_to(&texts(&[&old])));
        assert!(!texts(&[&new]).adds_no_root_to(&texts(&[&old])));
    }

    #[test]
    fn a_block_that_cannot_be_read_is_damage_and_a_comment_is_not() {
        let both = [root(), root()];
        let whole = texts(&[&both[0], &both[1]]);
        let commented = |text: &str| text.replace("-----BEGIN", "# the root\n-----BEGIN");
        let without = |words: &str| {
            let changed = |text: &str| text.replacen(words, "", 1);
            TrustTexts { roots: changed(&whole.roots), lists: changed(&whole.lists) }.damaged()
        };

        assert_eq!(whole.damaged(), None);
        let roots = commented(&whole.roots);
        assert_eq!(TrustTexts { roots, lists: whole.lists.clone() }.damaged(), None);
        for words in ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "MII", "-\n"] {
            assert_eq!(without(words), Some("ca.crt"), "without {words}");
        }
        for words in ["-----BEGIN X509 CRL-----", "-----END X509 CRL-----"] {
            assert_eq!(without(words), Some("ca.crl"), "without {words}");
        }
    }

    fn root() -> (Authority, String) {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let list = authority.revocation_list(&RevocationListRequest::new(1)).unwrap();
        (authority, list.pem().to_owned())
    }

    fn texts(authorities: &[&(Authority, String)]) -> TrustTexts {
        TrustTexts {
            lists: authorities.iter().map(|(_, list)| list.as_str()).collect(),
            roots: authorities.iter().map(|(authority, _)| authority.root().pem()).collect(),
        }
    }
}
