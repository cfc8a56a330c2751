//! Words that carry grammar.

/// English words that are not replaced, and what is left of them where an apostrophe parts them.
pub(super) const ENGLISH: &str = "
    a an the this that these those such
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one who whom whose which what
    am is are was were be been being have has had having do does did doing done will would shall should can could may
    might must ought cannot
    isn aren wasn weren hasn haven hadn doesn don didn won wouldn shan shouldn couldn mightn mustn needn ain n t s d m
    re ve ll nt
    and or but nor so yet if because as until while although though since unless whereas whether than
    of at by for with about against between into through during before after above below to from up down in out on off
    over under upon within without toward towards across among along around behind beside besides beyond near per via
    not no never only just very too also even still then once again here there when where why how now ever
    all any both each few more most many much other others another some several own same either neither every
";
