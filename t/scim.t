# SCIM: an identity provider keeps users and groups in step with its own.

use Carmen::Test;

my $t = Carmen::Test->new(locations => <<'END');
        location /scim/v2 {
            carmen_scim;
            carmen_database commerce;
        }
END

my $CORE = 'urn:ietf:params:scim:schemas:core:2.0';
my $EXT = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
my $MSG = 'urn:ietf:params:scim:api:messages:2.0';
my $actor = '0190a0a0-0000-7000-8000-0000000000ad';
my $idp = $t->client(sub => $actor, scope => 'users:read users:write');
my $reader = $t->client(sub => $actor, scope => 'users:read');
my $other = $t->client(sub => $actor, scope => 'users:read users:write',
    tenant => 'other');
my $anyone = $t->client;
my $type = 'application/scim+json';

sub user
{
    my ($name, %more) = @_;
    return (type => $type, json => { schemas => ["$CORE:User"],
        userName => $name, %more });
}

sub patch
{
    return (type => $type, json => { schemas => ["$MSG:PatchOp"],
        Operations => [@_] });
}

sub escape
{
    return $_[0] =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
}

sub find
{
    my ($filter, $client, $more) = @_;
    return ($client // $idp)->get('/scim/v2/Users?filter=' . escape($filter)
        . ($more // ''));
}

# RFC 7644 section 3.12

sub scim_error
{
    my ($r, $status, $kind, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $body = eval { $r->json } // {};
    is(join(' ', $r->status, $r->header('content-type') // '',
        $body->{status} // '', $body->{scimType} // '-',
        $body->{schemas}[0] // ''),
       join(' ', $status, $type, $status, $kind // '-', "$MSG:Error"),
       $name // "$r->{request}: $status " . ($kind // ''))
        or diag($r->body);
}

# discovery

my $config = $anyone->get('/scim/v2/ServiceProviderConfig');
json_is($config, 200, { patch => { supported => 1 == 1 ? qr/1/ : 0 },
    etag => { supported => qr/1/ }, bulk => { supported => qr/0/ } },
    'what is supported');
is($config->header('content-type'), $type, 'as SCIM');
my $schemas = $anyone->get('/scim/v2/Schemas')->json;
is_deeply([sort map { $_->{name} } @{ $schemas->{Resources} }],
    ['EnterpriseUser', 'Group', 'User'], 'the schemas');
json_is($anyone->get("/scim/v2/Schemas/$CORE:User"), 200,
    { id => "$CORE:User" }, 'one of them');
json_is($anyone->get('/scim/v2/ResourceTypes/User'), 200,
    { endpoint => '/Users', schemaExtensions => [{ schema => $EXT }] },
    'a resource type');
scim_error($anyone->get('/scim/v2/Nothing'), 404);
scim_error($anyone->get('/scim/v2/Users'), 401);
scim_error($reader->post('/scim/v2/Users', user('x')), 403);
scim_error($idp->delete('/scim/v2/Users'), 405);

# create

my $made = $idp->post('/scim/v2/Users', user('Bjensen@Example.com',
    externalId => '701984', displayName => 'Babs Jensen', active => \1,
    name => { givenName => 'Barbara', familyName => 'Jensen',
              middleName => 'Jane' },
    emails => [{ value => 'bjensen@example.com', type => 'work',
                 primary => \1 },
               { value => 'babs@jensen.org', type => 'home' }],
    phoneNumbers => [{ value => '555-555-8377', type => 'work' }],
    TITLE => 'Tour Guide', locale => 'en_US',
    timezone => 'America/Los_Angeles', id => 'mine', nonsense => 7,
    $EXT => { organization => 'Universal Studios', department => 'Tours' }));
json_is($made, 201, { userName => 'bjensen@example.com', externalId => '701984',
    title => 'Tour Guide', locale => 'en-US',
    name => { givenName => 'Barbara', middleName => 'Jane' },
    emails => [{ type => 'work' }, { value => 'babs@jensen.org' }],
    $EXT => { organization => 'Universal Studios', department => 'Tours' },
    meta => { resourceType => 'User', version => 'W/"1"' } }, 'a user');
my $id = $made->json->{id};
uuid_ok($id, 'with an id of ours');
like($made->header('location'), qr{^http://localhost/scim/v2/Users/$id$},
    'Location');
is($made->header('etag'), 'W/"1"', 'ETag');
is($made->header('content-type'), $type, 'media type');
is($t->row(q{SELECT concat_ws('|', email, given_name, company, phone, locale)
    AS x FROM users."user"})->{x},
    'bjensen@example.com|Barbara|Universal Studios|555-555-8377|en-US',
    'in the columns');
json_is($t->client(sub => $actor, scope => 'users:read')
    ->get("/api/v1/users/$id"), 200, { email => 'bjensen@example.com',
    familyName => 'Jensen', status => 'active' }, 'the same user in /users');

scim_error($idp->post('/scim/v2/Users', user('BJENSEN@example.com')), 409,
    'uniqueness');
scim_error($idp->post('/scim/v2/Users', user('x', externalId => '701984')),
    409, 'uniqueness');
scim_error($idp->post('/scim/v2/Users', type => $type, json =>
    { schemas => ["$CORE:User"] }), 400, 'invalidValue');
scim_error($idp->post('/scim/v2/Users', type => $type, json =>
    { userName => 'x' }), 400, 'invalidSyntax');
scim_error($idp->post('/scim/v2/Users', type => $type, body => '{'), 400,
    'invalidSyntax');
scim_error($idp->post('/scim/v2/Users', type => 'text/xml', body => '{}'),
    415);
scim_error($idp->post('/scim/v2/Users', user('x', active => 'maybe')), 400,
    'invalidValue');
scim_error($idp->post('/scim/v2/Users', user('x', emails => 'nobody')), 400,
    'invalidValue');
scim_error($idp->post('/scim/v2/Users', user('x', name => 'X')), 400,
    'invalidValue');
scim_error($idp->post('/scim/v2/Users', user('x', timezone => 'Mars')), 400,
    'invalidValue');
scim_error($idp->post('/scim/v2/Users', user('x', password => 'password1')),
    400, 'invalidValue');

my $mandy = $idp->post('/scim/v2/Users', user('mandy', active => 'False',
    password => 'analytical engine'));
json_is($mandy, 201, { userName => 'mandy', active => qr/0/ },
    'not active, with a name that is no address');
unlike($mandy->body, qr/analytical|password/, 'and a password unsaid');
my $mandy_id = $mandy->json->{id};
is($t->sql(q{SELECT count(*) FROM auth.credential
    WHERE login = 'mandy' AND disabled_ts IS NOT NULL
      AND password_hash LIKE '$2%'}), 1, 'who cannot log in yet');

# read

my $got = $idp->get("/scim/v2/Users/$id");
json_is($got, 200, { id => $id }, 'a user');
is($idp->get("/scim/v2/Users/$id", headers => {
    'If-None-Match' => 'W/"1"' })->status, 304, 'known already');
is_deeply([sort keys %{ $idp->get("/scim/v2/Users/$id?attributes="
    . 'username,name.familyName,emails.value')->json }],
    [qw(emails id name schemas userName)], 'some of it');
my $some = $idp->get("/scim/v2/Users/$id?excludedAttributes=emails,$EXT,"
    . 'name.givenName,id')->json;
ok(!$some->{emails} && !$some->{$EXT} && $some->{id}
   && !$some->{name}{givenName} && $some->{name}{familyName},
   'all but some');
scim_error($idp->get('/scim/v2/Users/nobody'), 404);
scim_error($other->get("/scim/v2/Users/$id"), 404, undef,
    'not for another tenant');

# find

for (['userName eq "BJENSEN@example.com"', 1],
     ["$CORE:User:userName eq \"bjensen\@example.com\"", 1],
     ['username EQ "bjensen@example.com" and active eq true', 1],
     ['userName eq "bjensen@example.com" and active eq false', 0],
     ['externalId eq "701984"', 1], ["id eq \"$id\"", 1],
     ['userName eq "mandy"', 1], ['userName sw "b"', 1],
     ['userName co "example" or userName eq "mandy"', 2],
     ['not (userName eq "mandy")', 1], ['name.familyName ew "SEN"', 1],
     ['emails[type eq "home" and value co "jensen.org"]', 1],
     ['emails[type eq "work" and value co "jensen.org"]', 0],
     ['emails eq "babs@jensen.org"', 1], ['emails.type eq "home"', 1],
     ['title pr', 1], ['title pr and not (title eq "x")', 1],
     ['title eq null', 1], ['nickName ne "x"', 2],
     ["$EXT:department eq \"tours\"", 1],
     ['meta.created gt "2020-01-01T00:00:00Z"', 2],
     ['meta.lastModified lt "2020-01-01T00:00:00Z"', 0],
     ['userName eq "x\\" or \\"1\\" eq \\"1"', 0],
     ["userName eq \"' OR 1=1 --\"", 0],
     ['userName eq "$$; DROP TABLE users.user; --"', 0],
     ['userName co "%"', 0], ['userName co "\\\\"', 0])
{
    my ($filter, $n) = @$_;
    json_is(find($filter), 200, { totalResults => $n }, "$filter: $n");
}

for ('', 'userName', 'userName eq', 'userName eq x', 'userName is "x"',
     'userName eq "x', '(userName eq "x"', 'userName eq "x")',
     'userName eq "x" and', 'nothing eq "x"', 'password eq "x"',
     'name eq "x"', 'userName eq 1', 'active gt true', 'emails[',
     'emails[type eq "x"', 'emails[emails[type pr]]', 'emails[type]',
     'userName eq {"a":1}', 'userName eq "x" userName eq "y"',
     'meta.created gt "yesterday"', 'not' , "userName eq 'x'",
     'userName eq "x"; SELECT 1', '(' x 40 . 'title pr' . ')' x 40,
     join(' and ', ('title pr') x 100))
{
    scim_error(find($_), 400, 'invalidFilter', "no filter: "
        . substr $_, 0, 50);
}
is($other->get('/scim/v2/Users')->json->{totalResults}, 0,
    'another tenant finds nobody');
is(find("id eq \"$id\"", $other)->json->{totalResults}, 0, 'by no filter');

# pages

$idp->post('/scim/v2/Users', user("u$_\@example.com", displayName => "U $_"))
    for 1 .. 5;
json_is($idp->get('/scim/v2/Users?startIndex=2&count=3'), 200,
    { totalResults => 7, startIndex => 2, itemsPerPage => 3 }, 'a page');
json_is($idp->get('/scim/v2/Users?count=0'), 200,
    { totalResults => 7, itemsPerPage => 0, Resources => [] }, 'a count');
json_is($idp->get('/scim/v2/Users?startIndex=-3&count=100000'), 200,
    { startIndex => 1, itemsPerPage => 7 }, 'numbers out of range');
scim_error($idp->get('/scim/v2/Users?count=all'), 400, 'invalidValue');
is_deeply([map { $_->{userName} } @{ find('userName sw "u"', $idp,
    '&sortBy=userName&sortOrder=descending&count=2')->json->{Resources} }],
    ['u5@example.com', 'u4@example.com'], 'sorted');
scim_error($idp->get('/scim/v2/Users?sortBy=nothing'), 400, 'invalidPath');

# replace and patch

my $url = "/scim/v2/Users/$id";
scim_error($idp->put($url, user('bjensen@example.com'),
    headers => { 'If-Match' => 'W/"9"' }), 412);
my $put = $idp->put($url, user('bjensen@example.com', nickName => 'Babs',
    externalId => '701984'), headers => { 'If-Match' => 'W/"1"' });
json_is($put, 200, { nickName => 'Babs', meta => { version => 'W/"2"' },
    active => qr/1/ }, 'replaced');
ok(!exists $put->json->{title} && !exists $put->json->{name},
   'what is not said is gone');

sub patched
{
    my ($want, $name, @ops) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return json_is($idp->patch($url, patch(@ops)), 200, $want, $name);
}

patched({ title => 'Guide', name => { familyName => 'J' } }, 'added',
    { op => 'Add', value => { title => 'Guide', 'name.familyName' => 'J',
      "$EXT:department" => 'Tours', groups => [], nonsense => 1 } });
patched({ $EXT => { department => 'T2' } }, 'an extension',
    { op => 'replace', path => "$EXT:department", value => 'T2' });
patched({ $EXT => { department => 'T2', manager => { value => $mandy_id } } },
    'a manager', { op => 'add', path => "$EXT:manager",
                   value => $mandy_id });
patched({ emails => [{}, { type => 'home', value => 'h@example.com' }] },
    'an address of a kind', { op => 'add',
    path => 'emails[type eq "home"].value', value => 'h@example.com' });
patched({ emails => [{}, { value => 'h2@example.com' }] }, 'changed',
    { op => 'replace', path => 'emails[type eq "home"].value',
      value => 'h2@example.com' });
patched({ emails => [{ value => 'bjensen@example.com' }] }, 'removed',
    { op => 'remove', path => 'emails[type eq "home"]' });
scim_error($idp->patch($url, patch({ op => 'replace', value => 'x',
    path => 'emails[type eq "away"].value' })), 400, 'noTarget');
scim_error($idp->patch($url, patch({ op => 'remove' })), 400, 'noTarget');
scim_error($idp->patch($url, patch({ op => 'replace', path => 'id',
    value => 'x' })), 400, 'mutability');
scim_error($idp->patch($url, patch({ op => 'replace', path => 'password',
    value => 'analytical engine' })), 400, 'mutability');
scim_error($idp->patch($url, patch({ op => 'remove', path => 'userName' })),
    400, 'invalidValue');
scim_error($idp->patch($url, patch({ op => 'add', path => 'x y',
    value => 1 })), 400, 'invalidPath');
scim_error($idp->patch($url, patch({ op => 'move', path => 'title' })),
    400, 'invalidSyntax');
my $before = $idp->get($url);
is($idp->patch($url, patch({ op => 'replace', path => 'title',
    value => 'Guide' }))->header('etag'), $before->header('etag'),
    'no change, no version');
scim_error($idp->patch($url, patch({ op => 'replace', path => 'title',
    value => 'X' }, { op => 'replace', path => 'userName',
    value => 'mandy' })), 409, 'uniqueness');
is($idp->get($url)->body, $before->body, 'all operations or none');

# active

my $mandy_url = "/scim/v2/Users/$mandy_id";
is($idp->patch($mandy_url, patch({ op => 'Replace', path => 'active',
    value => 'True' }))->status, 200, 'Mandy may log in');
is($anyone->post('/api/v1/auth/login', json => { email => 'mandy',
    password => 'analytical engine' })->status, 200, 'and does');
is($t->sql(q{SELECT count(*) FROM auth.credential
    WHERE disabled_ts IS NOT NULL}), 0, 'auth knows');
$idp->patch($mandy_url, patch({ op => 'replace', value => { active => \0 } }));
is($t->sql(q{SELECT count(*) FROM auth.credential
    WHERE disabled_ts IS NOT NULL}), 1, 'and no more');
is($t->sql(q{SELECT type FROM core.event ORDER BY position DESC LIMIT 1}),
    'com.carmen.users.user.suspended.v1', 'an event');

# groups

my $groups = $idp->get('/scim/v2/Groups?excludedAttributes=members');
json_is($groups, 200, { totalResults => 5 }, 'the roles are groups');
my $guides = $idp->post('/scim/v2/Groups', type => $type, json => {
    schemas => ["$CORE:Group"], displayName => 'Tour Guides',
    externalId => 'g1', members => [{ value => $id }] });
json_is($guides, 201, { id => 'tour-guides', displayName => 'Tour Guides',
    members => [{ value => $id, type => 'User' }] }, 'a group');
scim_error($idp->post('/scim/v2/Groups', type => $type, json => {
    schemas => ["$CORE:Group"], displayName => 'TOUR guides' }), 409,
    'uniqueness');
scim_error($idp->post('/scim/v2/Groups', type => $type, json => {
    schemas => ["$CORE:Group"], displayName => 'Lost',
    members => [{ value => $actor }] }), 400, 'invalidValue');
json_is($idp->get($url), 200, { groups => [{ value => 'tour-guides',
    display => 'Tour Guides' }] }, 'the user shows it');
json_is(find('groups.value eq "tour-guides"'), 200, { totalResults => 1 },
    'is found by it');

my $group = '/scim/v2/Groups/tour-guides';
my $tag = $guides->header('etag');
scim_error($idp->patch($group, patch({ op => 'add', path => 'members',
    value => [{ value => $mandy_id }] }),
    headers => { 'If-Match' => 'W/"x"' }), 412);
my $more = $idp->patch($group, patch({ op => 'add', path => 'members',
    value => [{ value => $mandy_id }, { value => $id }] }),
    headers => { 'If-Match' => $tag });
is(scalar @{ $more->json->{members} }, 2, 'two members');
isnt($more->header('etag'), $tag, 'another version');
is($t->sql(q{SELECT count(*) FROM auth.user_role
    WHERE role = 'tour-guides'}), 1, 'auth knows of whom can log in');
json_is($idp->get('/scim/v2/Groups?filter=' . escape(
    "members[value eq \"$mandy_id\"] and displayName eq \"tour guides\"")),
    200, { totalResults => 1 }, 'found by a member');
json_is($idp->patch($group, patch({ op => 'remove',
    path => "members[value eq \"$mandy_id\"]" })), 200,
    { members => [{ value => $id }] }, 'one leaves');
ok(!exists $idp->patch($group, patch({ op => 'Remove', path => 'members',
    value => [{ value => $id }] }))->json->{members}, 'the other too');
json_is($idp->put($group, type => $type, json => {
    schemas => ["$CORE:Group"], displayName => 'Guides',
    members => [{ value => $id }] }), 200, { displayName => 'Guides',
    id => 'tour-guides', members => [{ value => $id }] }, 'replaced');
scim_error($other->get($group), 404);
scim_error($other->patch($group, patch({ op => 'add', path => 'members',
    value => [{ value => $id }] })), 404);
scim_error($other->post('/scim/v2/Groups', type => $type, json => {
    schemas => ["$CORE:Group"], displayName => 'Spies',
    members => [{ value => $id }] }), 400, 'invalidValue',
    'no member of another tenant');
scim_error($idp->delete('/scim/v2/Groups/admin'), 403);
is($idp->delete($group)->status, 204, 'a group goes');
is($t->sql('SELECT count(*) FROM auth.role WHERE role = ?', 'tour-guides'),
    0, 'and its role');
ok(!exists $idp->get($url)->json->{groups}, 'from the user as well');

# delete

scim_error($other->delete($url), 404);
scim_error($other->put($url, user('spy')), 404);
scim_error($idp->delete($url, headers => { 'If-Match' => '"1"' }), 412);
is($idp->delete($url)->status, 204, 'deleted');
scim_error($idp->get($url), 404);
scim_error($idp->delete($url), 404);
is($t->sql(q{SELECT count(*) FROM users."user"
    WHERE status = 'deleted' AND scim = '{}' AND user_name IS NULL}), 1,
    'nothing is left of her');
is($t->sql(q{SELECT count(*) FROM (SELECT FROM core.event
    WHERE source = '/users/user' GROUP BY subject
    HAVING max(sequence) <> count(*)) s}), 0, 'no event is missing');

done_testing;
